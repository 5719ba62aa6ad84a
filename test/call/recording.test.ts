import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Id, run } from '#lib/index.ts'
import { RecordingShelf } from '#platform/recording/index.ts'
import { subscriberSealer } from '#platform/subscriber/index.ts'
import { SHARED } from '#platform/words/index.ts'
import { heardTone } from '#protocol/audio/index.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const CALLER = '+32470123456'
const heard = (call: Call, what: number) => (call.report().media?.heard ?? []).filter((h) => h.what === what).length
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** What the switch and voice have left on the disk, as control reads it. */
function shelf(world: World): RecordingShelf {
  return new RecordingShelf({
    directory: join(world.directory, SHARED.recordings),
    sealerOf: (subscriber) => subscriberSealer(world.sealingKey, subscriber),
  })
}

test('a dialled call is recorded, each side on its own, sealed; a pause is left out; it is leased and told', async () => {
  await using world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10, tone: 700 }]
  let commanded: Commanded | undefined
  let result: { recording?: Id<'rec'> } = {}
  using _program = await Program.connect(world, async (call) => {
    commanded = call
    result = await call.do('call.dial', { target: { pbx: '101' }, record: 'stereo' })
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('both tones', () => heard(call, 700) >= 1 && heard(world.pbx.calls[0]!, 400) >= 1, 4000)
  await pause(600)
  await commanded!.do('call.pauseRecording', { paused: true })
  await pause(1500)
  await commanded!.do('call.pauseRecording', { paused: false })
  await pause(200)
  world.pbx.calls[0]!.hangup()
  await until('the caller to be hung up', () => call.phase === 'ended', 3000)
  await world.quiet()
  const reader = await shelf(world).open(world.acme, result.recording!)
  const parts: Buffer[] = []
  for await (const part of reader.read(44, reader.bytes)) parts.push(part)
  await reader.close()
  assert.ok(reader.complete && reader.header.channels === 2)
  const pcm = new Int16Array(new Uint8Array(Buffer.concat(parts)).buffer)
  // Within the 600 ms before the pause: where sound goes on after it, a tone has another phase.
  const side = (offset: 0 | 1) => pcm.filter((_, i) => i % 2 === offset).subarray(800, 3600)
  assert.equal(heardTone(side(0), [400, 700]), 400)
  assert.equal(heardTone(side(1), [400, 700]), 700)
  const events = (await world.events()).filter(({ type }) => type.startsWith('recording.'))
  assert.deepEqual(
    events.map(({ type, data }) => [type, data.recording]),
    [
      ['recording.started', result.recording],
      ['recording.ended', result.recording],
    ],
  )
  const leases = (await world.leases()).filter(({ kind }) => kind === 'voice.record')
  assert.ok(leases.length === 1 && leases[0]!.answered)
  assert.equal((await world.events()).at(-1)?.type, 'call.cleared')
})

test('M12 O05 a disk that is full: the recording fails with an event, and the call goes on', async () => {
  await using world = await World.open({ voice: true })
  const results: string[] = []
  using _program = await Program.connect(world, async (call) => {
    results.push(
      await call.do('call.record', { maxSeconds: 2, beep: false }).then(
        () => 'recorded',
        (error) => error.verdict.code,
      ),
    )
    await call.do('call.play', { tone: [{ frequencies: [700], onMs: 600, offMs: 0 }] })
    await call.do('call.hangup', {})
  })
  // The process may not write beyond 10 kB of a file: the write fails as on a full disk.
  await run('prlimit', ['--pid', String(world.child('voice').pid), '--fsize=10000'])
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('the end', () => call.phase === 'ended', 8000)
  await world.quiet()
  assert.deepEqual(results, ['recording-failed'])
  assert.ok(heard(call, 700) >= 1, 'the call goes on')
  const failed = (await world.events()).filter(({ type }) => type.startsWith('recording.'))
  assert.deepEqual(
    failed.map(({ type, data }) => [type, data.why]),
    [
      ['recording.started', undefined],
      ['recording.failed', 'EFBIG'],
    ],
  )
})

test('M12 a caller who hangs up leaves a recording that is told before the call’s last event', async () => {
  await using world = await World.open({ voice: true })
  using _program = await Program.connect(world, async (call) => {
    await call.do('call.record', { maxSeconds: 60, beep: false })
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('an answer', () => call.phase === 'up', 3000)
  await pause(700)
  call.hangup()
  await world.quiet()
  const events = await world.events()
  assert.deepEqual(
    events.slice(-1).map(({ type }) => type),
    ['call.cleared'],
  )
  assert.equal(events.find(({ type }) => type === 'recording.ended')?.data.reason, 'gone')
  const [recording] = await shelf(world).list(world.acme, { limit: 10 })
  assert.ok(recording?.complete && recording.durationMs > 300)
})

test('M12 voice dies while it records: the event says so', async () => {
  await using world = await World.open({ voice: true })
  using _program = await Program.connect(world, async (call) => {
    await call.do('call.record', { maxSeconds: 60, beep: false })
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('an answer', () => call.phase === 'up', 3000)
  await pause(2000)
  await world.kill('voice')
  await until('the event', async () => (await world.events()).some(({ type }) => type === 'recording.failed'), 5000)
  call.hangup()
  await world.quiet()
  const [recording] = await shelf(world).list(world.acme, { limit: 10 })
  assert.ok(recording && !recording.complete && recording.durationMs >= 1000)
})
