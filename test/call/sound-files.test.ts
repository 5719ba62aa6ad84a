import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { newId } from '#lib/index.ts'
import { daysOfSilence } from '../../src/protocol/soundfile/bomb.fixture.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const CALLER = '+32470123456'
const bundle = mkdtempSync(join(tmpdir(), 'tl-bundle-'))
after(() => rmSync(bundle, { recursive: true }))

/** 700 Hz, then 400 Hz, for `seconds` each. */
function tones(name: string, seconds: number, format: readonly string[]): string {
  const wav = join(bundle, `${name}.wav`)
  const parts = [700, 400].map((hz) => {
    const part = join(bundle, `${hz}.part.wav`)
    execFileSync('sox', ['-n', ...format, part, 'synth', `${seconds}`, 'sine', `${hz}`, 'vol', '0.3'])
    return part
  })
  execFileSync('sox', ['-D', ...parts, wav])
  return wav
}

before(() => {
  chmodSync(bundle, 0o755)
  const short = tones('short', 0.6, ['-r', '44100', '-c', '2', '-b', '16'])
  execFileSync('lame', ['--quiet', '-b', '64', short, join(bundle, 'short.mp3')])
  execFileSync('opusenc', ['--quiet', short, join(bundle, 'short.opus')])
  // As agents name files by mistake.
  execFileSync('lame', ['--quiet', '-V', '6', short, join(bundle, 'called.wav')])
  const long = tones('long', 600, ['-r', '8000', '-c', '1', '-b', '16'])
  execFileSync('lame', ['--quiet', '-b', '8', '-m', 'm', long, join(bundle, 'long.mp3')])
  execFileSync('opusenc', ['--quiet', '--bitrate', '8', '--framesize', '60', long, join(bundle, 'long.opus')])
  const whole = readFileSync(join(bundle, 'short.mp3'))
  writeFileSync(join(bundle, 'cut.mp3'), whole.subarray(0, whole.length * 0.7))
  const opus = readFileSync(join(bundle, 'short.opus'))
  writeFileSync(join(bundle, 'cut.opus'), opus.subarray(0, opus.length - 40))
  writeFileSync(join(bundle, 'bomb.opus'), daysOfSilence(opus, 30 * 86_400))
  writeFileSync(join(bundle, 'page.mp3'), '<!doctype html><title>Not found</title>'.repeat(1000))
  writeFileSync(join(bundle, 'nothing.mp3'), Buffer.alloc(5 << 20))
})

/** A world whose agent has brought the files. */
async function open(): Promise<World> {
  const world = await World.open({ voice: true })
  const version = { id: newId('agt'), digest: 'x', path: bundle, entry: 'agent.js' }
  await world.change({ agent: { ...world.snapshot.subscribers[0]!.agent, version } })
  return world
}

const sounds = (call: Call) =>
  (call.report().media?.heard ?? []).map(({ what }) => what).filter((what) => typeof what === 'number')
const turns = (call: Call) => sounds(call).filter((what, i, all) => what !== all[i - 1])
const reason = (error: unknown) => String((error as Error).message)

function fileOf(world: World, fd: string): string {
  try {
    return readlinkSync(`/proc/${world.child('voice').pid}/fd/${fd}`)
  } catch {
    return ''
  }
}

/** The most memory that voice has had, MB. */
function peakOf(world: World): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${world.child('voice').pid}/status`, 'utf8'))![1]) / 1024
}

test('MP3 and Ogg Opus are heard as WAV is: whole, from an offset, in a loop, in a list, by whatever name', async () => {
  await using world = await open()
  const played: number[] = []
  using _program = await Program.connect(world, async (call) => {
    for (const file of ['short.mp3', 'short.opus', 'called.wav']) {
      played.push((await call.do('call.play', { file })).playedMs)
    }
    played.push((await call.do('call.play', { file: 'short.mp3', offsetMs: 600 })).playedMs)
    played.push((await call.do('call.play', { file: 'short.opus', loop: 2, offsetMs: 600 })).playedMs)
    played.push((await call.do('call.play', { list: [{ file: 'short.opus' }, { file: 'short.mp3' }] })).playedMs)
    await call.do('call.hangup', {})
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('the end', () => call.phase === 'ended', 30_000)
  await world.quiet()
  for (const [i, ms] of [1200, 1200, 1200, 600, 1800, 2400].entries()) {
    assert.ok(Math.abs(played[i]! - ms) < 10, `the ${i}th took ${played[i]} ms`)
  }
  assert.deepEqual(
    turns(call),
    [700, 400, 700, 400, 700, 400, 400, 700, 400, 700, 400, 700, 400].filter((hz, i, all) => hz !== all[i - 1]),
  )
})

test('a long file begins at once at any place, waits and goes on, and is not held whole', async () => {
  await using world = await open()
  let commanded: Commanded | undefined
  let peak = 0
  using _program = await Program.connect(world, async (call) => {
    commanded = call
    await call.do('call.play', { file: 'short.mp3' })
    peak = peakOf(world)
    await call.do('call.play', { file: 'long.mp3', offsetMs: 598_500 })
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('the turn in the middle of the long one', () => turns(call).join() === '700,400,700,400', 10_000)
  await commanded!.do('call.pausePlay', { paused: true })
  await new Promise((resolve) => setTimeout(resolve, 200))
  const before = call.report().media!.received
  await new Promise((resolve) => setTimeout(resolve, 400))
  assert.equal(call.report().media!.received, before)
  await commanded!.do('call.pausePlay', { paused: false })
  await until('more of it', () => call.report().media!.received > before + 20, 4000)
  assert.equal(sounds(call).at(-1), 400)
  // Twenty minutes are 19 MB.
  assert.ok(peakOf(world) - peak < 15, `${peakOf(world) - peak} MB more`)
  call.hangup()
  await world.quiet()
})

test('a long file is music while one is held, and is let go when the talk goes on', async () => {
  await using world = await open()
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 0, tone: 425 }]
  let commanded: Commanded | undefined
  using _program = await Program.connect(world, async (call) => {
    commanded = call
    await call.do('call.dial', { target: { pbx: '101' } })
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('the other one', () => sounds(call).length >= 3, 6000)
  const files = () => readdirSync(`/proc/${world.child('voice').pid}/fd`).map((fd) => fileOf(world, fd))
  await commanded!.do('call.hold', { music: { file: 'long.opus' } })
  await until('the music', () => sounds(call).at(-1) === 700, 6000)
  assert.ok(files().some((path) => path.endsWith('long.opus')))
  await commanded!.do('call.retrieve', {})
  await until('the other one again', () => sounds(call).at(-1) === 425, 6000)
  await until('the file to be closed', () => !files().some((path) => path.endsWith('long.opus')), 2000)
  call.hangup()
  await world.quiet()
})

test('a file that lies ends its verb with a clear error, within time and memory, and the call goes on', async () => {
  await using world = await open()
  const told = new Map<string, string>()
  const took: number[] = []
  let peak = 0
  using _program = await Program.connect(world, async (call) => {
    await call.do('call.play', { file: 'short.mp3' })
    peak = peakOf(world)
    for (const file of ['cut.mp3', 'cut.opus', 'bomb.opus', 'page.mp3', 'nothing.mp3']) {
      const started = performance.now()
      const result = await call.do('call.play', { file }).then(() => 'played', reason)
      told.set(file, result)
      took.push(performance.now() - started)
    }
    await call.do('call.play', { file: 'short.opus' })
    await call.do('call.hangup', {})
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('the end', () => call.phase === 'ended', 30_000)
  await world.quiet()
  assert.match(told.get('cut.mp3')!, /cut short/)
  assert.match(told.get('cut.opus')!, /cut short/)
  assert.match(told.get('bomb.opus')!, /longer than two hours/)
  assert.match(told.get('page.mp3')!, /neither WAV, MP3 nor Ogg Opus/)
  assert.match(told.get('nothing.mp3')!, /neither WAV, MP3 nor Ogg Opus/)
  assert.ok(
    took.every((ms) => ms < 3000),
    took.join(),
  )
  assert.ok(peakOf(world) - peak < 60, `${peakOf(world) - peak} MB more`)
  assert.deepEqual(turns(call), [700, 400, 700, 400])
})
