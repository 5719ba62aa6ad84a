import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Id, newId, TurnedClock } from '#lib/index.ts'
import type { JournalRecord, Refusal } from '#platform/words/index.ts'
import { type RegistryOptions, ResourceRegistry } from './registry.ts'
import { ResourceUnavailable } from './unavailable.ts'

const acme = newId('sub')
const globex = newId('sub')
const carrier = newId('trk')

function registry({ told, ...more }: Pick<RegistryOptions, 'refuses'> & { told?(record: JournalRecord): void } = {}) {
  const clock = new TurnedClock()
  const records: JournalRecord[] = []
  const record = (one: JournalRecord) => {
    records.push(structuredClone(one))
    told?.(one)
  }
  const made = new ResourceRegistry({ clock, boot: 'b1', record, ...more })
  made.configure({
    capacities: [
      { kind: 'trunk.in', capacity: 4 },
      { kind: 'voice.relay', capacity: 10 },
    ],
    subscribers: [
      { id: acme, allocations: ['trunk.in', 'voice.relay'].map((kind) => ({ kind, guaranteed: 1, ceiling: 3 })) },
      { id: globex, allocations: ['trunk.in', 'voice.relay'].map((kind) => ({ kind, guaranteed: 1, ceiling: 3 })) },
    ],
    trunks: [{ id: carrier, maxIn: 3, maxOut: 3, emergencyReserve: 1 }],
  })
  return { registry: made, clock, records }
}

function refusalOf(run: () => unknown): ResourceUnavailable {
  try {
    run()
  } catch (error) {
    assert(error instanceof ResourceUnavailable)
    return error
  }
  throw new assert.AssertionError({ message: 'it was granted' })
}

test("a subscriber's own ceiling answers 486 with cause 17, and names the holders", () => {
  const { registry: r } = registry()
  const calls = [newId('call'), newId('call'), newId('call')]
  for (const call of calls) r.admit({ subscriber: acme, call, demands: [{ kind: 'trunk.in', count: 1 }] })
  const error = refusalOf(() => r.admit({ subscriber: acme, call: newId('call'), demands: [{ kind: 'trunk.in', count: 1 }] }))
  assert.equal(error.verdict.sip, 486)
  assert.equal(error.verdict.q850, 17)
  assert.equal(error.retryAfterSeconds, undefined)
  assert.deepEqual(error.refusal, {
    kind: 'trunk.in',
    limitedBy: 'ceiling',
    limit: 3,
    inUse: 3,
    requested: 1,
    holders: calls.map((call) => ({ subscriber: acme, call, count: 1 })),
    fault: 'subscriber',
  })
})

test('an empty pool answers 503 with Retry-After, and holds the guarantee of the other open', () => {
  const { registry: r } = registry()
  for (let i = 0; i < 3; i++) r.admit({ subscriber: acme, call: newId('call'), demands: [{ kind: 'trunk.in', count: 1 }] })
  r.admit({ subscriber: globex, call: newId('call'), demands: [{ kind: 'trunk.in', count: 1 }] })
  const error = refusalOf(() => r.admit({ subscriber: globex, call: newId('call'), demands: [{ kind: 'trunk.in', count: 1 }] }))
  assert.equal(error.verdict.sip, 503)
  assert.equal(error.refusal.fault, 'system')
  assert(error.retryAfterSeconds! > 0)
  assert.equal(error.refusal.holders.length, 4)
})

test('several kinds at once are leased all or none', () => {
  const { registry: r, records } = registry()
  r.admit({ subscriber: acme, call: newId('call'), demands: [{ kind: 'voice.relay', count: 3 }] })
  const before = records.length
  const error = refusalOf(() =>
    r.admit({
      subscriber: acme,
      call: newId('call'),
      demands: [
        { kind: 'trunk.in', count: 1, trunk: carrier },
        { kind: 'voice.relay', count: 1 },
      ],
    }),
  )
  assert.equal(error.refusal.kind, 'voice.relay')
  assert.equal(r.inUseOf(acme, 'trunk.in'), 0)
  assert.equal(records.length, before, 'nothing is written of what was not granted')
})

test('a kind without an allocation, or without a capacity, is refused', () => {
  const { registry: r } = registry()
  const ask = (kind: string, subscriber: Id<'sub'>) => () =>
    r.admit({ subscriber, call: newId('call'), demands: [{ kind, count: 1 }] })
  assert.equal(refusalOf(ask('voice.seat', acme)).refusal.limitedBy, 'ceiling')
  assert.equal(refusalOf(ask('trunk.in', newId('sub'))).refusal.limitedBy, 'ceiling')
})

test('a trunk has its own limit, and an emergency call gets through it (R04)', () => {
  const { registry: r } = registry()
  r.configure({
    capacities: [{ kind: 'trunk.out', capacity: 100 }],
    subscribers: [{ id: acme, allocations: [{ kind: 'trunk.out', guaranteed: 0, ceiling: 100 }] }],
    trunks: [{ id: carrier, maxOut: 3, emergencyReserve: 1 }],
  })
  const out = { kind: 'trunk.out', count: 1, trunk: carrier }
  for (let i = 0; i < 2; i++) r.admit({ subscriber: acme, call: newId('call'), demands: [out] })
  const error = refusalOf(() => r.admit({ subscriber: acme, call: newId('call'), demands: [out] }))
  assert.deepEqual({ by: error.refusal.limitedBy, limit: error.refusal.limit }, { by: 'trunk', limit: 2 })
  for (let i = 0; i < 3; i++) {
    const [lease] = r.admit({ subscriber: globex, call: newId('call'), demands: [{ ...out, detail: { emergency: true } }] })
    assert.deepEqual(lease?.detail, { emergency: true, trunk: carrier })
  }
})

test('releasing, answering and restoring twice has one effect (R03)', () => {
  const { registry: r, clock, records } = registry()
  const call = newId('call')
  const [lease] = r.admit({ subscriber: acme, call, demands: [{ kind: 'trunk.in', count: 1 }] })
  clock.turn(1000)
  r.answered([lease!.id])
  clock.turn(1000)
  r.answered([lease!.id])
  r.restore([lease!])
  r.release([lease!.id], 'hangup')
  r.release([lease!.id], 'crossed bye')
  r.answered([lease!.id])
  assert.equal(r.releaseCall(call, 'end'), 0)
  assert.equal(r.inUseOf(acme, 'trunk.in'), 0)
  assert.equal(r.size, 0)
  assert.deepEqual(
    records.map((record) => record.type),
    ['lease.taken', 'lease.answered', 'lease.released'],
  )
  const released = records[2]
  assert(released?.type === 'lease.released')
  assert.equal(released.lease.answered?.mono, 1000)
  assert.equal(released.lease.released?.mono, 2000)
  assert.equal(released.lease.reason, 'hangup')
})

test('what is given back for a leg is given back once, also where whoever is told of the first gives back the rest (R03)', () => {
  const [call, leg] = [newId('call'), newId('leg')]
  const { registry: r, records } = registry({
    told: ({ type }) => {
      if (type === 'lease.released') r.releaseCall(call, 'all')
    },
  })
  const demands = (['trunk.in', 'voice.relay'] as const).map((kind) => ({ kind, count: 1, leg }))
  r.admit({ subscriber: acme, call, demands })
  r.admit({ subscriber: acme, call: newId('call'), demands })
  r.releaseFor({ call, leg, but: null }, 'hangup', {})
  assert.equal(records.filter(({ type }) => type === 'lease.released').length, 2)
  assert.equal(r.inUseOf(acme, 'voice.relay'), 1)
  assert.equal(r.size, 2)
})

test('a stack carries a hold and gives it back with its reason; moved, it keeps it', async () => {
  const { registry: r, records } = registry()
  const request = { subscriber: acme, call: newId('call'), demands: [{ kind: 'trunk.in', count: 1 }] }
  {
    await using stack = new AsyncDisposableStack()
    stack.use(r.hold(request)).reason = 'cancelled'
    assert.equal(r.inUseOf(acme, 'trunk.in'), 1)
  }
  assert.equal(r.inUseOf(acme, 'trunk.in'), 0)
  const last = records.at(-1)
  assert(last?.type === 'lease.released' && last.lease.reason === 'cancelled')

  const stack = new AsyncDisposableStack()
  const hold = stack.use(r.hold(request))
  const moved = stack.move()
  await stack.disposeAsync()
  assert.equal(r.inUseOf(acme, 'trunk.in'), 1)
  r.resume(hold.ids).release('later')
  await moved.disposeAsync()
  assert.equal(r.size, 0)
})

test('leases of a former process count, above the limits too, and go as any other', () => {
  const { registry: r } = registry()
  const old = registry()
  const leases = [1, 2, 3].flatMap(() =>
    old.registry.admit({ subscriber: acme, call: newId('call'), demands: [{ kind: 'trunk.in', count: 1, trunk: carrier }] }),
  )
  r.configure({
    capacities: [{ kind: 'trunk.in', capacity: 2 }],
    subscribers: [{ id: acme, allocations: [{ kind: 'trunk.in', guaranteed: 0, ceiling: 1 }] }],
    trunks: [],
  })
  r.restore(leases)
  assert.equal(r.inUse()[0]?.inUse, 3)
  const ask = { subscriber: acme, call: newId('call'), demands: [{ kind: 'trunk.in', count: 1 }] }
  refusalOf(() => r.admit(ask))
  r.release(
    leases.map((lease) => lease.id),
    'crash',
    { review: true },
  )
  assert.equal(r.admit(ask).length, 1)
})

test('a subscriber that is removed while it holds something is forgotten when it holds nothing', () => {
  const { registry: r } = registry()
  const [lease] = r.admit({ subscriber: acme, call: newId('call'), demands: [{ kind: 'trunk.in', count: 1 }] })
  const without = { capacities: [{ kind: 'trunk.in', capacity: 4 }], subscribers: [], trunks: [] }
  r.configure(without)
  assert.equal(r.inUse()[0]?.bySubscriber[0]?.inUse, 1)
  r.release([lease!.id], 'removed')
  r.configure(without)
  assert.deepEqual(r.inUse(), [{ kind: 'trunk.in', capacity: 4, inUse: 0, bySubscriber: [] }])
})

test('a demand that is no whole number is a bug, and leaves nothing behind', () => {
  const { registry: r } = registry()
  for (const count of [0, -1, 1.5, Number.NaN]) {
    const demands = [
      { kind: 'trunk.in', count: 1 },
      { kind: 'voice.relay', count },
    ]
    assert.throws(() => r.admit({ subscriber: acme, call: newId('call'), demands }), RangeError)
  }
  assert(r.inUse().every((use) => use.inUse === 0))
})

test('at a limit of L exactly L of 5L attempts succeed, again and again (R04, C11)', () => {
  const { registry: r } = registry()
  for (let cycle = 0; cycle < 500; cycle++) {
    const granted: Id<'lse'>[] = []
    let refused = 0
    for (let i = 0; i < 15; i++) {
      try {
        granted.push(r.admit({ subscriber: acme, call: newId('call'), demands: [{ kind: 'trunk.in', count: 1 }] })[0]!.id)
      } catch (error) {
        assert(error instanceof ResourceUnavailable)
        refused++
      }
    }
    assert.deepEqual([granted.length, refused], [3, 12])
    for (const end of ['hangup', 'crash', 'cancelled']) r.release(granted, end)
  }
  assert.equal(r.size, 0)
})

test('what is held for a leg goes over to another call: the count stays, the end is one, and the new call is its holder', () => {
  const { registry: r, records } = registry()
  const [first, second] = [newId('call'), newId('call')]
  const [stays, goes] = [newId('leg'), newId('leg')]
  const demand = (leg: Id<'leg'>, kind: string) => ({ kind, count: 1, leg, ...(kind === 'trunk.in' ? { trunk: carrier } : {}) })
  r.admit({ subscriber: acme, call: first, demands: [demand(stays, 'voice.relay'), demand(goes, 'trunk.in')] })
  r.admit({ subscriber: acme, call: second, demands: [demand(newId('leg'), 'voice.relay')] })
  r.move(goes, first, second)
  assert.deepEqual([r.leasesOf(first).map(({ leg }) => leg), r.leasesOf(second).length], [[stays], 2])
  assert.deepEqual([r.inUseOf(acme, 'trunk.in'), r.inUseOf(acme, 'voice.relay')], [1, 2])
  assert.equal(r.releaseCall(first, 'hangup'), 1)
  assert.equal(r.inUseOf(acme, 'trunk.in'), 1)
  assert.equal(r.releaseCall(second, 'hangup'), 2)
  assert.deepEqual([r.size, r.inUseOf(acme, 'trunk.in')], [0, 0])
  const moved = records.flatMap((record) => (record.type === 'lease.moved' ? [record.lease.call] : []))
  const ends = records.filter((record) => record.type === 'lease.released' && record.lease.leg === goes)
  assert.deepEqual([moved, ends.length], [[second], 1])
})

test('what would be refused once something is given back for it is known before, and nothing has changed then', () => {
  const { registry: r, records } = registry()
  const call = newId('call')
  const demand = { kind: 'voice.relay', count: 1 } as const
  const held = r.admit({ subscriber: acme, call, demands: [demand, demand, demand] })
  const before = records.length
  assert.equal(r.refusal(acme, call, demand)?.limitedBy, 'ceiling')
  assert.equal(r.refusal(acme, call, demand, held.slice(0, 1)), null)
  assert.equal(r.refusal(acme, call, { ...demand, count: 2 }, held.slice(0, 1))?.inUse, 2)
  assert.equal(r.refusal(acme, call, demand)?.limitedBy, 'ceiling', 'it was asked, and not done')
  assert.deepEqual([r.inUseOf(acme, 'voice.relay'), records.length], [3, before])
})

test('B09 what would be refused for want of a balance is known before, too, and asked for as what is not demanded yet', () => {
  const asked: boolean[] = []
  const poor: Refusal = {
    kind: 'voice.relay',
    limitedBy: 'balance',
    fault: 'subscriber',
    limit: 1,
    inUse: 1,
    requested: 1,
    holders: [],
  }
  const { registry: r } = registry({
    refuses: (_subscriber, _demand, _beside, ahead = false) => {
      asked.push(ahead)
      return poor
    },
  })
  const [call, demand] = [newId('call'), { kind: 'voice.relay', count: 1 } as const]
  assert.equal(r.refusal(acme, call, demand), poor)
  assert.equal(refusalOf(() => r.admit({ subscriber: acme, call, demands: [demand] })).refusal, poor)
  assert.deepEqual(asked, [true, false])
})

function withMemory() {
  const made = registry()
  made.registry.configure({
    capacities: [{ kind: 'agent.memory', capacity: 600 }],
    subscribers: [acme, globex].map((id) => ({ id, allocations: [{ kind: 'agent.memory', guaranteed: 128, ceiling: 384 }] })),
    trunks: [],
  })
  return made
}

test('what an agent holds is no call’s: a refusal names the version that holds it', () => {
  const { registry: r } = withMemory()
  const agent = newId('agt')
  const [lease] = r.admit({ subscriber: acme, agent, demands: [{ kind: 'agent.memory', count: 300 }] })
  assert.deepEqual([lease?.agent, 'call' in lease!], [agent, false])
  const { refusal } = refusalOf(() =>
    r.admit({ subscriber: acme, agent: newId('agt'), demands: [{ kind: 'agent.memory', count: 100 }] }),
  )
  assert.deepEqual([refusal.limitedBy, refusal.limit, refusal.inUse, refusal.requested], ['ceiling', 384, 300, 100])
  assert.deepEqual(refusal.holders, [{ subscriber: acme, agent, count: 300 }])
  assert.deepEqual(r.leasesOf(agent), [lease])
  r.release([lease!.id], 'stopped')
  assert.equal(r.size, 0)
  assert.equal(r.inUseOf(acme, 'agent.memory'), 0)
})

test('a lease that is cut goes on under another id from the very moment: nothing is asked, nothing is let go', () => {
  const { registry: r, clock, records } = withMemory()
  const agent = newId('agt')
  const demand = { kind: 'agent.memory', count: 256, detail: { sandbox: 's1' } }
  const [lease] = r.admit({ subscriber: acme, agent, demands: [demand] })
  const before = { ...lease! }
  clock.turn(5000)
  // Not even a limit that is lower now ends what is held.
  r.configure({ capacities: [], subscribers: [], trunks: [] })
  const at = { wall: clock.wall() - 1000, mono: clock.now() - 1000, boot: 'b1' }
  const next = r.cut(lease!.id, at, 'day')
  assert.deepEqual({ ...next, id: '' }, { ...before, id: '', taken: at })
  assert.notEqual(next?.id, before.id)
  assert.deepEqual(
    records.slice(1).map((record) => [record.type, record.at]),
    [
      ['lease.released', at],
      ['lease.taken', at],
    ],
  )
  assert.equal(r.inUseOf(acme, 'agent.memory'), 256)
  assert.deepEqual(r.leasesOf(agent), [next])
  assert.equal(r.cut(lease!.id, at, 'day'), null, 'once')
  r.release([next!.id], 'stopped')
  assert.equal(r.inUseOf(acme, 'agent.memory'), 0)
})

test('T02 what goes to whoever asked names no holder that is another, and the refusal itself names all', () => {
  const { registry: r } = registry()
  r.configure({
    capacities: [{ kind: 'trunk.in', capacity: 2 }],
    subscribers: [acme, globex].map((id) => ({ id, allocations: [{ kind: 'trunk.in', guaranteed: 0, ceiling: 2 }] })),
    trunks: [],
  })
  const own = newId('call')
  r.admit({ subscriber: acme, call: own, demands: [{ kind: 'trunk.in', count: 1 }] })
  r.admit({ subscriber: globex, call: newId('call'), demands: [{ kind: 'trunk.in', count: 1 }] })
  const error = refusalOf(() => r.admit({ subscriber: acme, call: newId('call'), demands: [{ kind: 'trunk.in', count: 1 }] }))
  assert.equal(error.refusal.limitedBy, 'pool')
  assert.equal(error.refusal.holders.length, 2)
  assert.ok(!JSON.stringify(error.details).includes(globex))
  assert.deepEqual((error.details.refusal as typeof error.refusal).holders, [{ subscriber: acme, call: own, count: 1 }])
})
