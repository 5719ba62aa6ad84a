import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Id, newId, silentLog, TurnedClock } from '#lib/index.ts'
import type { Sealed } from '#platform/words/index.ts'
import { readWav } from '#protocol/soundfile/index.ts'
import { RecordingShelf } from './index.ts'
import { RecordingWriter } from './writer.ts'

const DAY_MS = 86_400_000

/** Seals by turning round, and only for its own subscriber. */
function shelfIn(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'rec-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const sealerOf = (subscriber: Id<'sub'>) => ({
    seal: (secret: Uint8Array): Sealed => `v1.${subscriber}.${Buffer.from(secret).toString('hex')}`,
    open(sealed: Sealed) {
      if (!sealed.startsWith(`v1.${subscriber}.`)) throw new Error('of another')
      return Buffer.from(sealed.split('.')[2]!, 'hex')
    },
  })
  return new RecordingShelf({ directory, sealerOf })
}

const ACME = newId('sub')

async function write(
  shelf: RecordingShelf,
  samples: Int16Array,
  { id = newId('rec'), channels = 1 as 1 | 2, close = true } = {},
) {
  const place = shelf.place({ id, subscriber: ACME, call: newId('call'), startedAt: '2026-11-01T00:00:00.000Z', channels })
  const writer = await RecordingWriter.create(place.file, Buffer.from(place.key, 'base64'), place.header)
  for (let at = 0; at < samples.length; at += 1000) writer.write(samples.subarray(at, at + 1000))
  if (close) await writer.close()
  return { ...place, id, writer }
}

async function read(shelf: RecordingShelf, id: Id<'rec'>, start = 0, end?: number): Promise<Buffer> {
  await using reader = await shelf.open(ACME, id)
  const parts: Buffer[] = []
  for await (const part of reader.read(start, end ?? reader.bytes)) parts.push(part)
  return Buffer.concat(parts)
}

const ramp = (length: number) => Int16Array.from({ length }, (_, i) => (i * 7) % 30_000)

test('what was recorded comes back as a WAV file, whole and in any part, and is nowhere on the disk in the clear', async (t) => {
  const shelf = shelfIn(t)
  const sound = ramp(20_500)
  const { id, file } = await write(shelf, sound)
  const wav = await read(shelf, id)
  assert.deepEqual(readWav(wav), sound)
  for (const [start, end] of [
    [0, 10],
    [40, 60],
    [16_030, 16_060],
    [44 + 16_000, 44 + 32_000],
    [41_000, wav.length],
  ] as const) {
    assert.deepEqual(await read(shelf, id, start, end), wav.subarray(start, end), `${start} to ${end}`)
  }
  assert.ok(!readFileSync(file).includes(Buffer.from(sound.buffer, 400, 64)))
  const facts = await shelf.facts(ACME, id)
  assert.deepEqual([facts.durationMs, facts.channels, facts.sizeBytes, facts.complete], [2563, 1, wav.length, true])
})

test('M11 a file without its end is good up to its last whole second, and says so', async (t) => {
  const shelf = shelfIn(t)
  const { id, file, writer } = await write(shelf, ramp(20_500), { close: false })
  while ((await shelf.facts(ACME, id)).durationMs < 2000) await new Promise(setImmediate)
  appendFileSync(file, Buffer.alloc(500)) // a chunk that was being written
  assert.equal((await shelf.facts(ACME, id)).complete, false)
  assert.deepEqual(readWav(await read(shelf, id)), ramp(16_000))
  truncateSync(file, readFileSync(file).length - 500)
  await writer.close()
  assert.ok((await shelf.facts(ACME, id)).complete)
})

test('a file that was changed is not played, and one cut at a second shows that its end is missing', async (t) => {
  const shelf = shelfIn(t)
  const { id, file } = await write(shelf, ramp(24_000))
  const bytes = readFileSync(file)
  const changed = Buffer.from(bytes)
  changed[changed.length - 20_000]! ^= 1
  writeFileSync(file, changed)
  await assert.rejects(read(shelf, id), { name: 'TielineError', message: /was changed/ })
  writeFileSync(file, bytes.subarray(0, bytes.length - 16))
  assert.equal((await shelf.facts(ACME, id)).complete, false)
  writeFileSync(file, 'no recording')
  await assert.rejects(shelf.facts(ACME, id), { message: /can't be read/ })
})

test('recordings are listed in their order, page by page, removed, and expire by the time in their id', async (t) => {
  const shelf = shelfIn(t)
  const clock = new TurnedClock()
  const old = newId('rec', clock.wall() - 40 * DAY_MS)
  const young = newId('rec', clock.wall() - 2 * DAY_MS)
  await write(shelf, ramp(100), { id: young })
  await write(shelf, ramp(100), { id: old, channels: 2 })
  assert.deepEqual(
    (await shelf.list(ACME, { limit: 10 })).map((facts) => facts.id),
    [old, young],
  )
  const [next] = await shelf.list(ACME, { after: old, limit: 1 })
  assert.equal(next?.id, young)
  assert.deepEqual(await shelf.list(newId('sub'), { limit: 10 }), [])
  assert.equal(await shelf.expire(30, { clock, log: silentLog }), 1)
  await assert.rejects(shelf.open(ACME, old), { message: 'There is no such recording.' })
  await shelf.remove(ACME, young)
  await assert.rejects(shelf.remove(ACME, young), { message: 'There is no such recording.' })
})
