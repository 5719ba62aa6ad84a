import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '#lib/index.ts'
import { heardTone } from '#protocol/audio/index.ts'
import { Sounds, type SoundsOptions } from './sounds.ts'
import { type Source, sourceOf } from './source.ts'

function start(t: TestContext, options: Partial<SoundsOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'tl-sounds-'))
  const sounds = new Sounds({ clock: systemClock, ...options })
  t.after(async () => {
    await sounds.close()
    rmSync(directory, { recursive: true })
  })
  return { sounds, directory }
}

/** Raw sound in which each sample is its own number, as far as 15 bits go. */
function numbered(path: string, samples: number): string {
  writeFileSync(path, new Uint8Array(Int16Array.from({ length: samples }, (_, i) => i & 0x7fff).buffer))
  return path
}

/** As the media thread takes it, but as fast as it comes. */
async function* taken(source: Source, most: number): AsyncGenerator<Int16Array> {
  for (let count = 0; count < most && !source.ended; ) {
    const pcm = new Int16Array(Math.min(160, most - count))
    const got = source.pull(pcm, pcm.length)
    if (got === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    else yield pcm.subarray(0, got)
    count += got
  }
}

const clear = { name: 'TielineError', verdict: { code: 'invalid-sound', fault: 'subscriber', retry: false, http: 422 } }

test('two files with the same sound are decoded once, and whoever plays it shares it', async (t) => {
  const { sounds, directory } = start(t)
  execFileSync('sox', ['-n', '-r', '44100', join(directory, 'a.wav'), 'synth', '4', 'sine', '700', 'vol', '0.3'])
  for (const name of ['a.mp3', 'b.mp3']) execFileSync('lame', ['--quiet', join(directory, 'a.wav'), join(directory, name)])
  const first = await sounds.open(join(directory, 'a.mp3'), 1, 0)
  const second = await sounds.open(join(directory, 'b.mp3'), 2, 16_000)
  assert.ok('pcm' in first.sounding && 'pcm' in second.sounding)
  assert.equal(first.sounding.pcm.buffer, second.sounding.pcm.buffer)
  assert.equal(second.sounding.samples, first.sounding.samples * 2 - 16_000)
  assert.equal(heardTone(await sounds.whole(join(directory, 'a.mp3'), 40_000), [400, 700]), 700)
  const played: number[] = []
  for await (const pcm of taken(sourceOf(second.sounding), 1e6)) played.push(pcm.length)
  assert.equal(
    played.reduce((a, b) => a + b),
    second.sounding.samples,
  )
})

test('a long file is decoded while it is played: in its order, from its middle, again and again', async (t) => {
  const { sounds, directory } = start(t, { keepUpTo: 100_000 })
  const length = 250_000
  const path = numbered(join(directory, 'long.sln'), length)
  using sound = await sounds.open(path, 3, length + 1000)
  assert.ok('ring' in sound.sounding, 'it is not held whole')
  let at = 1000
  let count = 0
  for await (const pcm of taken(sourceOf(sound.sounding), 1e8)) {
    for (const sample of pcm) {
      if (sample !== (at & 0x7fff)) assert.fail(`sample ${count} is ${sample}, not ${at & 0x7fff}`)
      at = at + 1 === length ? 0 : at + 1
      count++
    }
  }
  assert.equal(count, 2 * length - 1000)
  using endless = await sounds.open(path, Number.POSITIVE_INFINITY, 0)
  let heard = 0
  for await (const pcm of taken(sourceOf(endless.sounding), 2.5 * length)) heard += pcm.length
  assert.ok(heard >= 2.5 * length)
  using nothing = await sounds.open(path, 1, length)
  assert.ok(sourceOf(nothing.sounding).ended)
})

test('what is no sound, or no file, is refused as that, and nothing is left open', async (t) => {
  const { sounds, directory } = start(t, { keepUpTo: 100_000 })
  writeFileSync(join(directory, 'page.mp3'), '<html></html>'.repeat(100))
  mkdirSync(join(directory, 'folder.wav'))
  execFileSync('mkfifo', [join(directory, 'pipe.wav')])
  execFileSync('truncate', ['-s', '200M', join(directory, 'huge.raw')])
  for (const name of ['page.mp3', 'folder.wav', 'pipe.wav', 'huge.raw', 'none.wav']) {
    await assert.rejects(sounds.open(join(directory, name), 1, 0), clear, name)
    await assert.rejects(sounds.whole(join(directory, name), 1000), clear, name)
  }
  await assert.rejects(sounds.whole(numbered(join(directory, 'long.sln'), 100_001), 100_000), clear)
  const open = () => readdirSync('/proc/self/fd', { withFileTypes: true }).length
  const before = open()
  for (let i = 0; i < 30; i++) {
    await assert.rejects(sounds.open(join(directory, 'page.mp3'), 1, 0), clear)
    using _sound = await sounds.open(join(directory, 'long.sln'), 1, 0)
  }
  await sounds.open(numbered(join(directory, 'last.sln'), 100), 1, 0)
  assert.ok(open() <= before + 2, `${open() - before} more are open`)
})

test('C10 a file that hangs its decoder ends what is decoded, and the next one gets another decoder', async (t) => {
  const { directory } = start(t)
  const thread = join(directory, 'hangs.mjs')
  writeFileSync(thread, "import { parentPort } from 'node:worker_threads'\nparentPort.on('message', () => { for (;;); })\n")
  const { sounds } = start(t, { hangsMs: 500, thread: new URL(`file://${thread}`) })
  const path = numbered(join(directory, 'a.sln'), 8000)
  const hangs = { verdict: { code: 'sound-failed', fault: 'system', retry: true, http: 503 } }
  await Promise.all([assert.rejects(sounds.open(path, 1, 0), hangs), assert.rejects(sounds.whole(path, 1e6), hangs)])
  await assert.rejects(sounds.open(path, 1, 0), hangs)
})
