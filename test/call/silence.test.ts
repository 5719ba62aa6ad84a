import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PlatformEvent } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, PUBLIC, World } from './harness.ts'
import { Program } from './program.ts'

const CALLER = '+32470123456'
const heard = (call: Call, what: number) => (call.report().media?.heard ?? []).filter((h) => h.what === what).length

test('M03 a leg whose channel is cut ends within the media timeout and its proof, with a cause of its own', async () => {
  await using world = await World.open({ voice: true, mediaTimeoutMs: 800 })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10, tone: 700 }]
  const results: { cause: { reason: string } }[] = []
  using _program = await Program.connect(world, async (call) => {
    results.push(await call.do('call.dial', { target: { pbx: '101' } }))
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('audio', () => heard(call, 700) >= 2, 4000)
  // Nothing of the site is there any more: no sound, no answer to anything.
  world.pbx.calls[0]!.stream.close()
  world.pbx.socket.onRequest = () => {}
  await until('the end', () => call.phase === 'ended', 9000)
  await world.quiet()
  assert.equal(results[0]?.cause.reason, 'channel-lost')
  const types = (await world.events()).map((event) => event.type)
  assert.ok(types.includes('media.silent'))
  assert.equal(types.filter((type) => type === 'leg.cleared').length, 2)
})

test('B06 both far ends are gone without a BYE: the call ends, and is paid for until they were last heard', async () => {
  await using world = await World.open({ voice: true, mediaTimeoutMs: 1500 })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 10, tone: 700 }]
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('audio', () => heard(call, 700) >= 2, 4000)
  for (const end of [world.carrier, world.second]) {
    for (const { stream } of end.calls) stream.close()
    end.socket.onRequest = () => {}
  }
  const gone = Date.now()
  await until('the end', async () => (await world.events()).some(({ type }) => type === 'call.cleared'), 20_000)
  await world.quiet()
  const found = Date.now()
  const ended = (await world.records()).flatMap((record) => (record.type === 'lease.released' ? [record] : []))
  const silent = ended.filter(({ review }) => review)
  const kinds = new Set(silent.map(({ lease }) => lease.kind))
  assert.ok(kinds.has('trunk.in') || kinds.has('trunk.out'), [...kinds].join())
  for (const { lease } of silent) {
    assert.ok(lease.released!.wall <= gone + 300, `${lease.kind} is paid for ${lease.released!.wall - gone} ms beyond its end`)
    assert.ok(lease.released!.wall >= lease.answered!.wall, 'nor less than nothing')
  }
  assert.ok(found - gone >= 1500)
})

test('M03 a leg whose channel is cut moves to the trunk where that is the policy: the site is reached by its public number', async () => {
  await using world = await World.open({ voice: true, mediaTimeoutMs: 800, subscriber: { survival: { channel: 'trunk' } } })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10, tone: 700 }]
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 1500, tone: 400 }]
  const results: { cause: { reason: string } }[] = []
  using _program = await Program.connect(world, async (call) => {
    results.push(await call.do('call.dial', { target: { pbx: '101' } }))
  })
  const call = await world.second.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('audio', () => heard(call, 700) >= 2, 4000)
  world.pbx.calls[0]!.stream.close()
  world.pbx.socket.onRequest = () => {}
  await until('the site to be rung over the trunk', () => world.carrier.calls.length === 1, 12_000)
  assert.match(world.carrier.calls[0]!.report().to, /3225550199/)
  await until('ringing to be heard meanwhile', () => heard(call, 425) >= 1, 4000)
  await until('the site to be heard again', () => heard(call, 400) >= 2, 6000)
  call.hangup()
  await world.quiet()
  const events = await world.events()
  assert.equal(events.filter(({ type }) => type === 'leg.cleared').length, 3)
  assert.equal(events.filter(({ type }) => type === 'call.cleared').length, 1)
})

test('M02, M15 what is silent before its answer is not watched, and the first 200 ms of a prompt are heard', async () => {
  await using world = await World.open({ voice: true, mediaTimeoutMs: 400 })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 1500, tone: 400 }]
  const tone = (hz: number, ms: number) => ({ tone: [{ frequencies: [hz], onMs: ms, offMs: 0 }], totalMs: ms })
  using _program = await Program.connect(world, async (call) => {
    if (call.offered.to.number === DID) await call.do('call.dial', { target: { pbx: '101' } })
    else await call.do('call.play', { list: [tone(700, 200), tone(400, 1000)] })
  })
  const ringing = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  const prompted = await world.carrier.place({ to: world.node, from: CALLER, number: PUBLIC })
  await until('the prompt', () => heard(prompted, 400) >= 2, 4000)
  assert.ok(heard(prompted, 700) >= 1, 'its beginning was heard')
  await until('the answer', () => ringing.phase === 'up', 5000)
  await until('the far end', () => heard(ringing, 400) >= 2, 4000)
  const events = await world.events()
  assert.ok(!events.some(({ type, at }) => type === 'media.silent' && at < established(events)))
  ringing.hangup()
  await world.quiet()
})

/** When the call that rang was answered. */
function established(events: PlatformEvent[]): string {
  const rang = events.find(({ type }) => type === 'leg.delivered')?.call
  return events.find(({ type, call }) => type === 'leg.established' && call === rang)?.at ?? ''
}

test('M04 a far end that is silent but alive is not cut', async () => {
  await using world = await World.open({ voice: true, mediaTimeoutMs: 500 })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10, tone: 700 }]
  using _program = await Program.connect(world, async (call) => {
    await call.do('call.dial', { target: { pbx: '101' } })
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('audio', () => heard(call, 700) >= 2, 4000)
  world.pbx.calls[0]!.stream.close() // its sound stops; its telephone still answers
  const silent = async () => (await world.events()).some((event) => event.type === 'media.silent')
  await until('the silence to be seen', silent, 4000)
  await new Promise((resolve) => setTimeout(resolve, 2500))
  assert.equal(call.phase, 'up')
  call.hangup()
  await world.quiet()
})
