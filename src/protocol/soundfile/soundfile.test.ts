import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { amplitudeAt, heardTone, level } from '#protocol/audio/index.ts'
import { bytesOf, openSound } from './index.ts'

const directory = mkdtempSync(join(tmpdir(), 'tl-sound-'))
after(() => rmSync(directory, { recursive: true, force: true }))

/** By name: 6 s of 700 Hz, then 6 s of 400 Hz, in other programs' files. */
const files = new Map<string, Buffer>()

before(() => {
  const run = (program: string, ...args: string[]) => execFileSync(program, args, { cwd: directory })
  for (const [rate, channels] of [
    [44_100, 2],
    [8000, 1],
    [16_000, 1],
  ] as const) {
    const tone = (hz: number) => [
      '-n',
      '-r',
      `${rate}`,
      '-b',
      '16',
      '-c',
      `${channels}`,
      `${hz}.wav`,
      'synth',
      '6',
      'sine',
      `${hz}`,
      'vol',
      '0.3',
    ]
    run('sox', ...tone(700))
    run('sox', ...tone(400))
    run('sox', '-D', '700.wav', '400.wav', `${rate}.wav`)
  }
  const mp3 = (name: string, rate: number, ...args: string[]) => run('lame', '--quiet', ...args, `${rate}.wav`, name)
  mp3('cbr.mp3', 44_100, '-b', '128', '--add-id3v2', '--tt', 'Music on hold')
  mp3('vbr.mp3', 44_100, '-V', '5')
  mp3('old.mp3', 16_000, '-b', '32', '-m', 'm', '--resample', '16')
  mp3('small.mp3', 8000, '-b', '16', '-m', 'm')
  mp3('bare.mp3', 44_100, '-b', '64', '-t')
  run('opusenc', '--quiet', '44100.wav', 'stereo.opus')
  run('opusenc', '--quiet', '--bitrate', '12', '--framesize', '60', '8000.wav', 'speech.opus')
  for (const name of ['cbr.mp3', 'vbr.mp3', 'old.mp3', 'small.mp3', 'bare.mp3', 'stereo.opus', 'speech.opus', '44100.wav']) {
    files.set(name, readFileSync(join(directory, name)))
  }
})

async function sound(bytes: Uint8Array, from = 0, name = 'x'): Promise<Int16Array> {
  const file = await openSound(bytesOf(bytes), name)
  const pieces: Int16Array[] = []
  for (const piece of await file.sound(from)) pieces.push(piece)
  return Int16Array.from(pieces.flatMap((piece) => [...piece]))
}

const clear = { name: 'TielineError', verdict: { code: 'invalid-sound', fault: 'subscriber', retry: false, http: 422 } }

test('MP3 and Ogg Opus of other programs are as long and as loud as what they were made of', async () => {
  for (const [name, bytes] of files) {
    const { samples } = await openSound(bytesOf(bytes), name)
    const pcm = await sound(bytes)
    // Without the encoder's word, for which small frames have no room, the silence around it is part of it: two frames and more.
    const slack = ['bare.mp3', 'old.mp3', 'small.mp3'].includes(name) ? 1800 : 16
    assert.ok(Math.abs(samples - 96_000) <= slack, `${name}: ${samples}`)
    assert.ok(Math.abs(pcm.length - samples) <= 1, `${name}: ${pcm.length} of ${samples}`)
    assert.equal(heardTone(pcm.subarray(2000, 47_000), [400, 700]), 700, name)
    assert.equal(heardTone(pcm.subarray(50_000, 95_000), [400, 700]), 400, name)
    const peak = amplitudeAt(pcm.subarray(8000, 40_000), 700)
    assert.ok(Math.abs(peak - 9830) < 1000, `${name}: ${peak}`)
  }
})

test('begun at any place it is what the whole is from there on', async () => {
  for (const [name, bytes] of files) {
    const whole = await sound(bytes)
    for (const from of [1, 12_345, 47_000, 80_001, 95_990]) {
      const part = await sound(bytes, from)
      assert.ok(Math.abs(part.length - (whole.length - from)) <= 1, `${name} from ${from}: ${part.length}`)
      // A frequency is found at the same place to a sample: the difference is small against the sound.
      const length = Math.min(4000, part.length - 100)
      if (length < 500) continue
      const difference = Int16Array.from({ length }, (_, i) => part[i + 50]! - whole[from + i + 50]!)
      assert.ok(level(difference) < 0.08 * 7000, `${name} from ${from}: ${level(difference)}`)
    }
  }
})

test('a name does not make a file: what its bytes are is played, what they are not is refused', async () => {
  assert.equal((await openSound(bytesOf(files.get('vbr.mp3')!), 'hello.wav')).format, 'mp3')
  assert.equal((await openSound(bytesOf(files.get('stereo.opus')!), 'hello.mp3')).format, 'ogg-opus')
  const vorbis = Buffer.from(files.get('stereo.opus')!)
  vorbis.write('\x01vorbis', 28, 'latin1')
  const pretenders: [string, Buffer][] = [
    ['empty.mp3', Buffer.alloc(0)],
    ['page.mp3', Buffer.from('<!doctype html><title>404</title>'.repeat(5000))],
    ['zero.ogg', Buffer.alloc(300_000)],
    ['ones.mp3', Buffer.alloc(300_000, 0xff)],
    ['vorbis.opus', vorbis],
    ['tag.mp3', Buffer.concat([Buffer.from('ID3\x04\0\0\x7f\x7f\x7f\x7f', 'latin1'), Buffer.alloc(10_000)])],
  ]
  for (const [name, bytes] of pretenders) await assert.rejects(openSound(bytesOf(bytes), name), clear, name)
})

test('what is cut short anywhere, or damaged, is told before any of it is heard', async () => {
  const cut = { ...clear, message: /cut short|damaged/ }
  for (const name of ['cbr.mp3', 'vbr.mp3', 'stereo.opus', 'speech.opus']) {
    const bytes = files.get(name)!
    for (const part of [0.3, 0.5, 0.77, 0.999]) {
      await assert.rejects(openSound(bytesOf(bytes.subarray(0, Math.floor(bytes.length * part))), name), cut, `${name} ${part}`)
    }
  }
  const turned = Buffer.from(files.get('stereo.opus')!)
  turned[turned.length >> 1]! ^= 0x10
  await assert.rejects(openSound(bytesOf(turned), 'x'), cut)
})

test('a few bytes that hold days are refused at once; so is an hour of tiny frames too many', async () => {
  // A page of 255 packets of 120 ms each: 30 s in 537 bytes.
  const head = files.get('speech.opus')!
  const { daysOfSilence } = await import('./bomb.fixture.ts')
  const started = performance.now()
  await assert.rejects(openSound(bytesOf(daysOfSilence(head, 86_400)), 'x'), { ...clear, message: /longer than two hours/ })
  const frame = files.get('small.mp3')!.subarray(144, 288)
  const many = Buffer.concat(Array.from({ length: 110_000 }, () => frame))
  await assert.rejects(openSound(bytesOf(many), 'x'), { ...clear, message: /longer than two hours/ })
  assert.ok(performance.now() - started < 5000)
})

test('whatever bytes stand in a file, it is played or refused, and never hangs or throws otherwise', async () => {
  let seed = 7
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return (seed >>> 8) % below
  }
  for (const name of ['cbr.mp3', 'old.mp3', 'stereo.opus', '44100.wav']) {
    for (let round = 0; round < 12; round++) {
      const bytes = Buffer.from(files.get(name)!.subarray(0, 60_000))
      for (let i = 0; i <= 3 * round; i++) bytes[random(bytes.length)] = random(256)
      const outcome = await sound(bytes).then(
        ({ length }) => length,
        (error: unknown) => error,
      )
      if (typeof outcome !== 'number')
        assert.equal((outcome as { verdict?: { code: string } }).verdict?.code, 'invalid-sound', name)
    }
  }
})
