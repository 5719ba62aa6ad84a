import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const CALLER = '+32470123456'
const sounds = (call: Call) => (call.report().media?.heard ?? []).map(({ what }) => what)
const heard = (call: Call, what: number) => sounds(call).filter((h) => h === what).length
const cadence = (hz: number, onMs: number) => ({ tone: [{ frequencies: [hz], onMs, offMs: 0 }], totalMs: onMs })

test('a country’s tone, a list, and a list from its middle are heard', async () => {
  await using world = await World.open({ voice: true })
  const played: number[] = []
  using _program = await Program.connect(world, async (call) => {
    played.push((await call.do('call.play', { signal: 'busy', country: 'de', loop: 2 })).playedMs)
    const list = [cadence(700, 600), cadence(400, 600)]
    played.push((await call.do('call.play', { list })).playedMs)
    played.push((await call.do('call.play', { list, loop: 2, offsetMs: 600 })).playedMs)
    await assert.rejects(call.do('call.play', { signal: 'busy', country: 'zz' }))
    await assert.rejects(call.do('call.play', { list: [{ file: '../../etc/passwd' }] }))
    await call.do('call.hangup', {})
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('the end', () => call.phase === 'ended', 12_000)
  await world.quiet()
  assert.deepEqual(played, [1920, 1200, 1800])
  const order = sounds(call).filter((what) => typeof what === 'number')
  const turns = order.filter((what, i) => what !== order[i - 1])
  assert.deepEqual(turns, [425, 700, 400, 700, 400])
})

test('what is played waits and goes on when it is told', async () => {
  await using world = await World.open({ voice: true })
  let commanded: Commanded | undefined
  using _program = await Program.connect(world, async (call) => {
    commanded = call
    await call.do('call.play', { ...cadence(700, 60_000), loop: 0 })
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('the tone', () => heard(call, 700) >= 2, 4000)
  await commanded!.do('call.pausePlay', { paused: true })
  await new Promise((resolve) => setTimeout(resolve, 200))
  const before = call.report().media!.received
  await new Promise((resolve) => setTimeout(resolve, 500))
  assert.equal(call.report().media!.received, before)
  await commanded!.do('call.pausePlay', { paused: false })
  await until('the tone again', () => call.report().media!.received > before + 10, 4000)
  call.hangup()
  await world.quiet()
})

test('while it rings an unanswered caller hears music, unbilled, and then who answers', async () => {
  await using world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 1500, tone: 400 }]
  using _program = await Program.connect(world, async (call) => {
    await call.do('call.dial', { target: { pbx: '101' }, ring: cadence(700, 1000) })
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('the music', () => heard(call, 700) >= 2, 4000)
  assert.notEqual(call.phase, 'up')
  await until('who answers', () => call.phase === 'up' && heard(call, 400) >= 2, 6000)
  assert.equal(sounds(call).at(-1), 400)
  const [music] = (await world.leases()).filter(({ kind }) => kind === 'voice.prompt')
  assert.ok(music && !music.answered && music.released !== null)
  call.hangup()
  await world.quiet()
})
