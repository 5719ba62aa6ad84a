import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Id, newId } from '#lib/index.ts'
import type { Target } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const OUTSIDE = '+3226660000'

let world: World
let decide: (call: Commanded) => Promise<void> = async () => {}

before(async () => {
  world = await World.open({ voice: true })
  world.pbx.rules = [
    { user: '101', does: 'answer', ringMs: 20, tone: 700 },
    { user: '102', does: 486 },
    { user: '103', does: 'ring' },
    { user: '*', does: 404 },
  ]
  world.carrier.rules = [
    { user: OUTSIDE, does: 'answer', ringMs: 300, tone: 400 },
    { user: '*', does: 'ring' },
  ]
  await Program.connect(world, (call) => decide(call))
})
after(() => world[Symbol.asyncDispose]())

const make = (from: Target, to: Target | 'agent', more: { call?: Id<'call'>; callerId?: string; timeoutSeconds?: number } = {}) =>
  world.link.call('call.make', { subscriber: world.acme, by: 'subscriber', call: newId('call'), from, to, ...more })

const upAt = (end: World['pbx'], user: string) =>
  until(`a call at ${user}`, () => end.calls.find((c) => c.phase === 'up' && c.called === user), 4000)

async function hears(call: Call, frequency: number): Promise<void> {
  await until(`${frequency} Hz`, () => call.report().media!.heard.at(-1)?.what === frequency, 4000)
}

/** All events of a call once it is over: each leg has one last event, the call one, and no lease is left. */
async function eventsOf(call: string) {
  const events = await until(
    'the end of the call',
    async () => {
      const all = (await world.events()).filter((event) => event.call === call)
      return all.at(-1)?.type === 'call.cleared' ? all : undefined
    },
    5000,
  )
  await world.quiet()
  const legs = events.filter(({ type }) => type === 'leg.originated').map(({ leg }) => leg)
  const last = events.filter(({ type }) => type === 'leg.cleared' || type === 'leg.failed').map(({ leg }) => leg)
  assert.deepEqual([...last].sort(), [...legs].sort())
  return events
}

test('click to dial: the telephone is called first and sees whom it will talk to, then the other side; they hear each other', async () => {
  const id = newId('call')
  assert.deepEqual(await make({ pbx: '101' }, { number: OUTSIDE }, { call: id }), { call: id })
  assert.deepEqual(await make({ pbx: '101' }, { number: OUTSIDE }, { call: id }), { call: id }, 'the same id is the same call')
  const phone = await upAt(world.pbx, '101')
  assert.match(phone.report().from, new RegExp(OUTSIDE.slice(1)))
  await hears(phone, 425)
  const other = await upAt(world.carrier, OUTSIDE)
  assert.match(other.report().from, new RegExp(DID.slice(1)))
  await hears(phone, 400)
  await hears(other, 700)
  other.hangup()
  const events = await eventsOf(id)
  assert.deepEqual(
    events.filter(({ type }) => /originated|established|call/.test(type)).map(({ type }) => type),
    ['call.originated', 'leg.originated', 'leg.established', 'leg.originated', 'leg.established', 'call.cleared'],
  )
  assert.equal(world.pbx.calls.filter((c) => c.called === '101').length, 1)
  const used = (await world.leases()).filter(({ answered }) => answered).map(({ kind }) => kind)
  for (const kind of ['channel.leg', 'trunk.out', 'voice.relay']) assert.equal(used.filter((k) => k === kind).length, 1, kind)
})

test('who is called first and does not want: the other side is never called, nothing is billed, and the events say why', async () => {
  const before = (await world.leases()).filter(({ answered }) => answered).length
  const { call } = await make({ pbx: '102' }, { number: OUTSIDE })
  const events = await eventsOf(call)
  assert.deepEqual([events.at(-1)?.cause?.reason, events.at(-1)?.cause?.sip], ['busy', 486])
  const silent = await make({ pbx: '103' }, { number: OUTSIDE }, { timeoutSeconds: 0.2 })
  assert.equal((await eventsOf(silent.call)).at(-1)?.cause?.reason, 'no-answer')
  assert.equal((await world.leases()).filter(({ answered }) => answered).length, before)
})

test('R08 it can be ended while the first rings, and while the second rings', async () => {
  const first = await make({ pbx: '103' }, { number: OUTSIDE })
  await until(
    'ringing',
    async () => (await world.events()).some((e) => e.call === first.call && e.type === 'leg.delivered'),
    3000,
  )
  await world.link.call('call.kill', { call: first.call })
  assert.equal((await eventsOf(first.call)).at(-1)?.cause?.reason, 'killed')
  const second = await make({ pbx: '101' }, { number: '+3227770000' })
  const rings = async () =>
    (await world.events()).filter((e) => e.call === second.call && e.type === 'leg.delivered').length === 2
  await until('the second to ring', rings, 4000)
  await world.link.call('call.kill', { call: second.call })
  assert.equal((await eventsOf(second.call)).at(-1)?.cause?.reason, 'killed')
  await until('the telephone to be let go', () => world.pbx.calls.every((c) => c.phase === 'ended'), 3000)
})

test('a call that is made for the agent is its program’s once it has been answered', async () => {
  const taken: string[] = []
  decide = async (call) => {
    taken.push(call.offered.call, call.offered.from.number)
    await call.do('call.play', { signal: 'busy', country: 'be', totalMs: 1500 })
    await call.do('call.hangup', {})
  }
  const { call } = await make({ number: OUTSIDE }, 'agent', { callerId: DID })
  await hears(await upAt(world.carrier, OUTSIDE), 425)
  const events = await eventsOf(call)
  assert.deepEqual(taken, [call, OUTSIDE])
  assert.equal(events.at(-1)?.cause?.by, 'agent')
})

test('what cannot be is said at once: no way there, a number of somebody else’s, no room', async () => {
  await assert.rejects(make({ user: 'nobody' }, 'agent'), /cannot be/)
  await assert.rejects(make({ number: OUTSIDE }, 'agent', { callerId: '+19005550000' }), /cannot be/)
  await assert.rejects(make({ pbx: 'x y' } as Target, 'agent'), /from/)
  const { allocations } = world.snapshot.subscribers[0]!
  await world.change({ allocations: allocations.map((a) => (a.kind === 'channel.leg' ? { ...a, ceiling: 0 } : a)) })
  await assert.rejects(make({ pbx: '101' }, { number: OUTSIDE }), /channel\.leg/)
  await world.change({ allocations })
  await world.quiet()
})

test('C05 C07 the switch is killed while it places calls: each ends once, with a cause, and no leg and no lease is left', async () => {
  const made = await Promise.all([
    make({ pbx: '103' }, { number: OUTSIDE }),
    make({ pbx: '103' }, 'agent'),
    make({ pbx: '101' }, { number: '+3227770000' }),
  ])
  const ring = () => world.pbx.calls.filter((c) => c.phase === 'setup' && c.called === '103').length === 2
  await until('two to ring', ring, 4000)
  const second = () => world.carrier.calls.some((c) => c.phase === 'setup' && c.report().to.includes('7770000'))
  await until('the third to ring at its other side', second, 4000)
  await world.kill('switch')
  await world.startSwitch()
  for (const { call } of made) {
    const events = await eventsOf(call)
    assert.equal(events.filter(({ type }) => type === 'call.cleared').length, 1)
    assert.equal(events.at(-1)?.cause?.reason, 'switch-restart')
  }
  const over = () => [...world.pbx.calls, ...world.carrier.calls].every(({ phase }) => phase === 'ended')
  await until('every far end to be let go', over, 5000)
  assert.ok((await world.leases()).every(({ released }) => released !== null))
  // The same id once more is no second call of one that is over.
  await Promise.all(made.map(({ call }) => world.link.call('call.kill', { call })))
  await world.quiet()
})
