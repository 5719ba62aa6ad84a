import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DialResult } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import { DID, World } from './harness.ts'
import { Program } from './program.ts'

const CALLER = '+32470123456'
const OUTSIDE = '+32470999999'
const both = [{ pbx: '101' }, { number: OUTSIDE }]

test('S13 S17 S18 several targets at once: one answer, the others hear of it, and of two answers one is hung up', async () => {
  await using world = await World.open({ voice: true })
  const results: DialResult[] = []
  using _program = await Program.connect(world, async (call) => {
    results.push(await call.do('call.dial', { target: both, timeoutSeconds: 5 }))
  })
  const place = () => world.carrier.place({ to: world.node, from: CALLER, number: DID })
  world.pbx.rules = [{ user: '101', does: 'ring' }]
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 150 }]
  const call = await place()
  await until('an answer', () => call.phase === 'up', 5000)
  await until('the PBX to be silent', () => world.pbx.calls[0]?.phase === 'ended', 3000)
  const { ending, final } = world.pbx.calls[0]!.report()
  assert.equal(final?.status, 487)
  assert.match(ending?.reason ?? '', /^SIP;cause=200;text="Call completed elsewhere"/)
  call.hangup()
  await world.quiet()
  const legs = (await world.events()).filter((event) => event.leg && /^leg\.(failed|cleared)$/.test(event.type))
  assert.equal(legs.length, 3)
  assert.equal(new Set(legs.map((event) => event.leg)).size, 3)
  assert.equal(legs.filter((event) => event.cause?.reason === 'answered-elsewhere').length, 1)

  // Both answer in the same moment: one talks, the other has ACK and BYE.
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 100 }]
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 100 }]
  const before = { pbx: world.pbx.calls.length, carrier: world.carrier.calls.length }
  const again = await place()
  await until('an answer', () => again.phase === 'up', 5000)
  const callees = () =>
    [...world.pbx.calls.slice(before.pbx), ...world.carrier.calls.slice(before.carrier)].filter(
      (c) => c !== again && c.direction === 'in',
    )
  await until('one of two', () => callees().filter((c) => c.phase === 'up').length === 1, 3000)
  again.hangup()
  await until('no one', () => callees().every((c) => c.phase === 'ended'), 3000)
  await world.quiet()
  const answered = (await world.leases()).filter((lease) => lease.kind === 'voice.relay' && lease.answered)
  assert.equal(answered.length, 2)

  // A caller who gives up ends them all.
  world.pbx.rules = [{ user: '101', does: 'ring' }]
  world.carrier.rules = [{ user: '*', does: 'ring' }]
  const at = world.pbx.calls.length
  const given = await place()
  await until(
    'ringing',
    () => world.pbx.calls[at]?.phase === 'setup' && given.report().timeline.some((t) => /180/.test(t.what)),
    3000,
  )
  given.cancel()
  await until('the end', () => world.pbx.calls[at]?.phase === 'ended', 3000)
  await world.quiet()
})

test('targets one after the other: busy, then no answer in its own time, then the one that answers; 603 asks no further', async () => {
  await using world = await World.open({ voice: true })
  const results: DialResult[] = []
  using _program = await Program.connect(world, async (call) => {
    const target = [{ pbx: '101' }, { pbx: '102' }, { number: OUTSIDE }]
    results.push(await call.do('call.dial', { target, strategy: 'serial', timeoutSeconds: 0.4 }))
  })
  world.pbx.rules = [
    { user: '101', does: 486 },
    { user: '102', does: 'ring' },
  ]
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => call.phase === 'up', 5000)
  assert.deepEqual(
    world.pbx.calls.map((c) => c.report().final?.status),
    [486, 487],
  )
  call.hangup()
  await world.quiet()
  const failed = (await world.events()).filter((event) => event.type === 'leg.failed')
  assert.deepEqual(
    failed.map((event) => event.cause?.reason),
    ['busy', 'no-answer'],
  )
  world.pbx.rules = [{ user: '101', does: 603 }]
  const refused = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('the end', () => refused.phase === 'ended', 3000)
  assert.equal(world.pbx.calls.length, 3)
  await world.quiet()
})
