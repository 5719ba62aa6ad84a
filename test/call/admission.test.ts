import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KINDS } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import { DID, World } from './harness.ts'

const allocations = (ceiling: number) =>
  KINDS.map(({ kind }) => ({ kind, guaranteed: 0, ceiling: kind === 'trunk.in' || kind === 'trunk.out' ? ceiling : 1000 }))

test('R04 at the ceiling exactly the ceiling is up, the rest hear 486 with a reason, and a slot frees at once', async () => {
  await using world = await World.open({ subscriber: { allocations: allocations(3) } })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const place = (i: number) => world.carrier.place({ to: world.node, from: `+3247012345${i}`, number: DID })
  const calls = await Promise.all(Array.from({ length: 9 }, (_, i) => place(i)))
  await until('all decided', () => calls.every((call) => call.phase !== 'setup'), 5000)
  const up = calls.filter((call) => call.phase === 'up')
  const refused = calls.filter((call) => call.phase === 'ended')
  assert.equal(up.length, 3)
  for (const call of refused) {
    assert.equal(call.report().final?.status, 486)
    assert.match(call.report().ending?.reason ?? '', /Q\.850;cause=17;text="/)
  }
  const events = (await world.events()).filter((event) => event.type === 'call.refused')
  assert.equal(events.length, 6)
  const refusal = events[0]!.data.refusal as { kind: string; limitedBy: string; limit: number; holders: unknown[] }
  assert.deepEqual([refusal.kind, refusal.limitedBy, refusal.limit, refusal.holders.length], ['trunk.in', 'ceiling', 3, 3])
  up[0]!.hangup()
  await until('a slot', async () => (await world.link.call('call.list', {})).length === 2, 2000)
  const next = await place(9)
  await until('the next one', () => next.phase === 'up', 2000)
  for (const call of calls) call.hangup()
  next.hangup()
  await world.quiet()
})

test('an empty pool is told as 503 with Retry-After', async () => {
  const capacities = KINDS.map(({ kind }) => ({ kind, capacity: kind === 'trunk.in' ? 1 : 100 }))
  await using world = await World.open({ capacities })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const first = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('the first', () => first.phase === 'up', 2000)
  const second = await world.carrier.place({ to: world.node, from: '+32470123457', number: DID })
  await until('the refusal', () => second.phase === 'ended', 2000)
  const { final, ending } = second.report()
  assert.equal(final?.status, 503)
  assert.equal(final?.headers['Retry-After'], '5')
  assert.match(ending?.reason ?? '', /Q\.850;cause=34/)
  first.hangup()
  await world.quiet()
})

test('an emergency call from the site gets through at the ceiling, with the registered caller id', async () => {
  await using world = await World.open({ voice: true, subscriber: { allocations: allocations(0) } })
  world.carrier.rules = [{ user: '112', does: 'answer', ringMs: 5 }]
  const place = (number: string) => world.pbx.place({ to: world.siteSwitch, from: '101', number })
  const other = await place('+32470999999')
  await until('the other call to be refused', () => other.phase === 'ended', 3000)
  assert.equal(other.report().final?.status, 486)
  const call = await place('112')
  await until('the emergency call', () => call.phase === 'up', 3000)
  // Nothing else is made of it, whatever it says: no way into another call leads past the registrar.
  const headers: [string, string][] = [['Replaces', 'another;to-tag=ours;from-tag=theirs']]
  const replacing = await world.pbx.place({ to: world.siteSwitch, from: '101', number: '112', headers })
  await until('the emergency call that would replace another', () => replacing.phase === 'up', 3000)
  replacing.hangup()
  const far = world.carrier.calls[0]!.report()
  assert.match(far.from, /^sip:\+3225550112@/)
  assert.match(far.to, /^sip:112@/)
  call.hangup()
  await world.quiet()
  const routed = (await world.events()).filter((event) => event.type === 'call.routed').at(-1)
  assert.equal(routed?.data.by, 'emergency')
})
