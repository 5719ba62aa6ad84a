import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newId, TurnedClock } from '#lib/index.ts'
import type { Demand, JournalRecord, Lease } from '#platform/words/index.ts'
import { decide, type Standing } from './admission.ts'
import { ResourceRegistry } from './registry.ts'
import { ResourceUnavailable } from './unavailable.ts'

const SUBSCRIBERS = [newId('sub'), newId('sub'), newId('sub')]
const KINDS = ['trunk.in', 'trunk.out', 'voice.relay']
const TRUNKS = [newId('trk'), newId('trk')]

const limits = fc.record({
  capacity: fc.integer({ min: 0, max: 8 }),
  rights: fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 4 })), { minLength: 3, maxLength: 3 }),
})
const configuration = fc.record({
  kinds: fc.array(limits, { minLength: 3, maxLength: 3 }),
  trunks: fc.array(fc.tuple(fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }), fc.integer({ min: 0, max: 2 })), {
    minLength: 2,
    maxLength: 2,
  }),
})
const demand = fc.record({
  kind: fc.integer({ min: 0, max: 2 }),
  count: fc.integer({ min: 1, max: 3 }),
  trunk: fc.option(fc.integer({ min: 0, max: 1 }), { nil: undefined }),
  emergency: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
})
const step = fc.oneof(
  fc.record({
    do: fc.constant('admit' as const),
    who: fc.integer({ min: 0, max: 2 }),
    demands: fc.array(demand, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ do: fc.constant('release' as const), which: fc.nat() }),
  fc.record({ do: fc.constant('answer' as const), which: fc.nat() }),
  fc.record({ do: fc.constant('again' as const), which: fc.nat() }),
  fc.record({ do: fc.constant('restart' as const) }),
  fc.record({ do: fc.constant('configure' as const), to: configuration }),
)

type Configuration = Parameters<ResourceRegistry['configure']>[0]

function configured(c: {
  kinds: { capacity: number; rights: [number, number][] }[]
  trunks: [number | undefined, number][]
}): Configuration {
  return {
    capacities: c.kinds.map(({ capacity }, k) => ({ kind: KINDS[k]!, capacity })),
    subscribers: SUBSCRIBERS.map((id, s) => ({
      id,
      allocations: c.kinds.map(({ rights }, k) => ({
        kind: KINDS[k]!,
        guaranteed: Math.min(...rights[s]!),
        ceiling: Math.max(...rights[s]!),
      })),
    })),
    trunks: c.trunks.map(([max, emergencyReserve], t) => ({
      id: TRUNKS[t]!,
      emergencyReserve,
      ...(max === undefined ? {} : { maxIn: max, maxOut: max }),
    })),
  }
}

/** Counts everything anew from the leases, as slowly and plainly as can be. */
function standing(config: Configuration, leases: Lease[], who: Lease['subscriber'], d: Demand): Standing {
  const of = (test: (lease: Lease) => boolean) => leases.filter(test).reduce((sum, lease) => sum + lease.count, 0)
  const right = (id: string) => config.subscribers.find((s) => s.id === id)?.allocations.find((a) => a.kind === d.kind)
  const trunk = config.trunks.find((t) => t.id === d.trunk)
  const limit = d.kind === 'trunk.in' ? trunk?.maxIn : d.kind === 'trunk.out' ? trunk?.maxOut : undefined
  const here = (lease: Lease) => lease.kind === d.kind && lease.detail?.trunk === d.trunk
  return {
    guaranteed: right(who)?.guaranteed ?? 0,
    ceiling: right(who)?.ceiling ?? 0,
    mine: of((lease) => lease.kind === d.kind && lease.subscriber === who),
    capacity: config.capacities.find((c) => c.kind === d.kind)?.capacity ?? 0,
    all: of((lease) => lease.kind === d.kind),
    committed: SUBSCRIBERS.reduce(
      (sum, id) =>
        sum +
        Math.max(
          right(id)?.guaranteed ?? 0,
          of((lease) => lease.kind === d.kind && lease.subscriber === id),
        ),
      0,
    ),
    ...(limit === undefined
      ? {}
      : {
          trunk: {
            limit,
            reserve: d.kind === 'trunk.out' ? (trunk?.emergencyReserve ?? 0) : 0,
            all: of(here),
            emergency: of((lease) => here(lease) && lease.detail?.emergency === true),
          },
        }),
  }
}

/** Admits by the naive count: the leases it would add, or null. */
function naive(config: Configuration, leases: Lease[], who: Lease['subscriber'], demands: Demand[]): boolean {
  const all = [...leases]
  for (const d of demands) {
    if (decide(standing(config, all, who, d), d.count, d.detail?.emergency === true)) return false
    const detail = { ...(d.trunk ? { trunk: d.trunk } : {}), ...(d.detail ?? {}) }
    all.push({ kind: d.kind, count: d.count, subscriber: who, detail } as Lease)
  }
  return true
}

test('a trunk that emergency calls fill is told as full, with all that is in use (R03)', () => {
  const registry = new ResourceRegistry({ clock: new TurnedClock(), boot: 'b', record: () => {} })
  registry.configure(
    configured({
      kinds: [
        [
          6,
          [
            [0, 0],
            [0, 3],
            [0, 0],
          ],
        ],
      ].map(([capacity, rights]) => ({ capacity, rights })) as never,
      trunks: [
        [undefined, 0],
        [3, 0],
      ] as never,
    }),
  )
  const demand = { kind: KINDS[0]!, trunk: TRUNKS[1]! }
  registry.admit({
    subscriber: SUBSCRIBERS[0]!,
    call: newId('call'),
    demands: [{ ...demand, count: 1, detail: { emergency: true } }],
  })
  assert.throws(
    () => registry.admit({ subscriber: SUBSCRIBERS[1]!, call: newId('call'), demands: [{ ...demand, count: 3 }] }),
    (error: ResourceUnavailable) => error.refusal.inUse === 1 && error.refusal.limit === 3 && error.refusal.requested === 3,
  )
})

test('in any order of events the registry decides as a count of the leases would, and is never negative (R03, R04, R05)', () => {
  fc.assert(
    fc.property(configuration, fc.array(step, { maxLength: 60 }), (first, steps) => {
      const records: JournalRecord[] = []
      const options = { clock: new TurnedClock(), boot: 'b', record: (r: JournalRecord) => void records.push(r) }
      let registry = new ResourceRegistry(options)
      let config = configured(first)
      registry.configure(config)
      let held: Lease[] = []
      const gone: Lease[] = []
      for (const s of steps) {
        if (s.do === 'admit') {
          const demands = s.demands.map((d) => ({
            kind: KINDS[d.kind]!,
            count: d.count,
            ...(d.trunk === undefined ? {} : { trunk: TRUNKS[d.trunk]! }),
            ...(d.emergency ? { detail: { emergency: true } } : {}),
          }))
          const who = SUBSCRIBERS[s.who]!
          const expected = naive(config, held, who, demands)
          try {
            held.push(...registry.admit({ subscriber: who, call: newId('call'), demands }))
            assert.equal(expected, true)
          } catch (error) {
            if (!(error instanceof ResourceUnavailable)) throw error
            assert.equal(expected, false)
            const { inUse, requested, limit, holders } = error.refusal
            assert(inUse >= 0 && requested > 0 && holders.every((h) => h.count > 0))
            assert(error.refusal.limitedBy === 'pool' || inUse + requested > limit)
          }
        } else if (s.do === 'release' && held.length > 0) {
          const [lease] = held.splice(s.which % held.length, 1)
          registry.release([lease!.id], 'x')
          gone.push(lease!)
        } else if (s.do === 'answer' && held.length > 0) {
          registry.answered([held[s.which % held.length]!.id])
        } else if (s.do === 'again' && gone.length > 0) {
          registry.release([gone[s.which % gone.length]!.id], 'again')
        } else if (s.do === 'restart') {
          held = held.map((lease) => structuredClone(lease))
          registry = new ResourceRegistry(options)
          registry.restore(held)
          registry.configure(config)
        } else if (s.do === 'configure') {
          config = configured(s.to)
          registry.configure(config)
        }
        assert.equal(registry.size, held.length)
        for (const use of registry.inUse()) {
          const count = held.filter((lease) => lease.kind === use.kind).reduce((sum, lease) => sum + lease.count, 0)
          assert.equal(use.inUse, count)
          assert(use.bySubscriber.every((share) => share.inUse >= 0))
        }
      }
      registry.release(
        held.map((lease) => lease.id),
        'end',
      )
      assert(registry.inUse().every((use) => use.inUse === 0))
      const count = (type: string) => records.filter((r) => r.type === type).length
      assert.equal(count('lease.taken'), count('lease.released'))
    }),
    { numRuns: 300 },
  )
})
