import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const CALLER = '+32470123456'
const heard = (call: Call, what: number) => (call.report().media?.heard ?? []).filter((h) => h.what === what).length

test('an agent redirects a caller to the PBX: both hear each other, over voice, and the result comes back', async () => {
  await using world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 30, tone: 700 }]
  const results: unknown[] = []
  using _program = await Program.connect(world, async (call: Commanded) => {
    assert.equal(call.offered.from.number, CALLER)
    results.push(await call.do('call.dial', { target: { pbx: '101' } }))
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('an answer', () => call.phase === 'up', 3000)
  await until('both tones', () => heard(call, 700) >= 2 && heard(world.pbx.calls[0]!, 400) >= 2, 3000)
  world.pbx.calls[0]!.hangup()
  await until('the caller to be hung up', () => call.phase === 'ended', 3000)
  await world.quiet()
  assert.equal((results[0] as { status: string }).status, 'answered')
  assert.equal((results[0] as { cause: { by: string } }).cause.by, 'callee')
  const events = await world.events()
  const routed = events.find((event) => event.type === 'call.routed')
  assert.deepEqual(routed?.data, { by: 'agent', target: { pbx: '101' } })
  const leases = await world.leases()
  assert.deepEqual(leases.map((l) => l.kind).sort(), ['channel.leg', 'trunk.in', 'voice.port', 'voice.port', 'voice.relay'])
  assert.ok(leases.every((l) => l.answered && l.released !== null))
})

test('an agent answers, speaks, gathers a digit, records, and hangs up', async () => {
  await using world = await World.open({ voice: true })
  const results: Record<string, unknown> = {}
  using program = await Program.connect(world, async (call: Commanded) => {
    results.play = await call.do('call.play', { tone: [{ frequencies: [700], onMs: 600, offMs: 0 }] })
    results.gather = await call.do('call.gather', { maxDigits: 2, timeoutSeconds: 3 })
    results.record = await call.do('call.record', { maxSeconds: 0.3, beep: false })
    await call.do('call.hangup', {})
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('an answer', () => call.phase === 'up', 3000)
  await until('the tone', () => heard(call, 700) >= 1, 3000)
  await until('the end of the tone', () => results.play, 3000)
  await new Promise((resolve) => setTimeout(resolve, 200))
  call.stream.press('42')
  await until('the end', () => call.phase === 'ended', 6000)
  await world.quiet()
  assert.deepEqual(results.gather, { digits: '42', reason: 'max-digits' })
  assert.ok((results.play as { playedMs: number }).playedMs >= 500)
  assert.ok((results.record as { durationSeconds: number }).durationSeconds > 0.2)
  assert.deepEqual(program.digits, ['4', '2'])
  assert.equal(program.ended.length, 1)
  const events = await world.events()
  assert.equal(events.at(-1)?.cause?.by, 'agent')
  assert.deepEqual(
    events.filter((e) => e.type === 'verb.ended').map((e) => e.data.verb),
    ['call.play', 'call.gather', 'call.record'],
  )
})

test('a busy extension comes back as a result, and the caller of a program that then returns is told the same', async () => {
  await using world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '101', does: 486 }]
  const results: { status: string }[] = []
  using _program = await Program.connect(world, async (call) => {
    results.push(await call.do('call.dial', { target: { pbx: '101' } }))
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('the end', () => call.phase === 'ended', 3000)
  assert.equal(call.report().final?.status, 486)
  assert.equal(results[0]?.status, 'busy')
  await world.quiet()
})

test('T12 a site that does not respond: over the trunk within 3 s, and the event says why', async () => {
  await using world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '101', does: 'silent' }]
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 10, tone: 700 }]
  using _program = await Program.connect(world, async (call) => {
    await call.do('call.dial', { target: { pbx: '101' } })
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('an answer over the trunk', () => call.phase === 'up', 9000)
  await until('the tone', () => heard(call, 700) >= 1, 3000)
  const diverted = (await world.events()).find((event) => event.type === 'leg.diverted')
  assert.deepEqual(diverted?.data, { from: 'channel', to: 'trunk', why: 'no-response' })
  call.hangup()
  await world.quiet()
})

test('T12 a channel that is down is not even tried', async () => {
  await using world = await World.open({ voice: true })
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 10, tone: 700 }]
  using _program = await Program.connect(world, async (call) => {
    await call.do('call.dial', { target: { pbx: '101' } })
  })
  world.setChannel('down')
  await new Promise((resolve) => setTimeout(resolve, 100))
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer over the trunk', () => call.phase === 'up', 3000)
  assert.equal(world.pbx.calls.length, 0)
  const diverted = (await world.events()).find((event) => event.type === 'leg.diverted')
  assert.equal(diverted?.data.why, 'channel-down')
  call.hangup()
  await world.quiet()
})
