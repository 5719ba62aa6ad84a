import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readWav, WavWriter } from './index.ts'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'wav-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

test('M11 what a dead writer leaves is a file that plays up to 2 s before its death', async (t) => {
  const path = join(folder(t), 'a.wav')
  const writer = await WavWriter.create(path)
  const piece = new Int16Array(1600).fill(7)
  for (let i = 0; i < 25; i++) {
    writer.write(piece)
    await new Promise(setImmediate)
  }
  while (readFileSync(path).length < 44 + 25 * 3200) await new Promise(setImmediate)
  // Nothing is closed: this is the file that a kill would leave.
  const bytes = readFileSync(path)
  const told = bytes.readUInt32LE(40)
  assert.ok(told <= bytes.length - 44 && told >= bytes.length - 44 - 2 * 16_000, `${told} of ${bytes.length}`)
  assert.ok(readWav(bytes).every((sample) => sample === 7))
  await writer.close()
  assert.equal(readWav(readFileSync(path)).length, 40_000)
  assert.equal(writer.bytes, readFileSync(path).length)
})

test('an existing file is not written over, and closing twice is closing once', async (t) => {
  const path = join(folder(t), 'a.wav')
  const writer = await WavWriter.create(path)
  await assert.rejects(WavWriter.create(path), { code: 'EEXIST' })
  await Promise.all([writer.close(), writer.close()])
  assert.equal(readWav(readFileSync(path)).length, 0)
})
