import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Id, TurnedClock } from '#lib/index.ts'
import { type Meters, type Plan, parseMicros, priceOf, rate, standardPlan, unitsOf } from '#platform/billing/index.ts'
import { ORDINARY, TollBench } from '#platform/toll/gate.fixture.ts'
import { usageOf } from '#platform/usage/index.ts'
import type { Lease, Rate, TollLimits } from '#platform/words/index.ts'

const pricing = { units: unitsOf, price: priceOf, micros: parseMicros }
const rateOf = (more: Partial<Rate>): Rate => ({
  ...{ kind: 'trunk.out', prefix: '', title: '', unit: 'second', increments: { first: 60, next: 60 }, setUpFee: '0', per: 60 },
  ...{ included: 0, tiers: [{ upTo: null, price: '0.25' }] },
  ...more,
})
const bench = (limits: TollLimits, rates: Rate[], more = {}) => new TollBench({ limits }, { rates, pricing, ...more })

/** What a bill of these leases comes to, in currency units. */
function billed(leases: readonly Lease[], rates: Rate[]): number {
  const plan: Plan = { ...standardPlan, rates }
  const entries = leases.map((lease, position) => ({
    position,
    record: { type: 'lease.released' as const, at: lease.released!, lease },
  }))
  let meters: Meters = {}
  let sum = 0n
  for (const usage of usageOf(entries)) {
    const rated = rate(usage, plan, meters)
    if (!rated) continue
    meters = rated.meters
    sum += rated.rating.amount
  }
  return Number(sum) / 1e6
}

test('B09 N calls at once on a small limit spend no more than it, each that is placed has its first increment, and none is placed beyond', () => {
  const b = bench({ spendPerDay: '1.10' }, [rateOf({})])
  const calls = Array.from({ length: 10 }, () => b.call())
  // 60/60 at 0.25 a minute: four first minutes fit.
  assert.equal(calls.filter(Boolean).length, 4)
  b.clock.turn(120_000)
  assert.equal(b.cut.length, 4)
  assert(
    b.cut.every(({ at }) => at - b.over[0]!.answered!.wall >= 59_900),
    'what is paid for is served',
  )
  assert.equal(b.warned.length, 4)
  assert.equal(billed(b.over, [rateOf({})]), 1)
  const refusal = b.gate.refuses('sub_x' as Id<'sub'>, { kind: 'trunk.out', count: 1, detail: { number: ORDINARY } })
  assert.equal(refusal, null, 'of nobody else')
  assert.equal(b.clock.pending, 0)
})

test('B09 a call is not refused while the limit has enough for its first increment, and is cut at the end of what was paid for', () => {
  const rates = [rateOf({ increments: { first: 1, next: 1 }, tiers: [{ upTo: null, price: '0.6' }] })]
  const b = bench({ spendPerMonth: '0.45' }, rates)
  assert(b.call())
  b.clock.turn(60_000)
  assert.equal(b.cut.length, 1)
  assert.equal(billed(b.over, rates), 0.45)
  assert.equal(b.call(), null)
  assert.equal(b.used('spendPerMonth'), 0.45)
})

test('B09 what costs nothing is placed and goes on, however much is spent', () => {
  const rates = [rateOf({}), rateOf({ prefix: '+32', tiers: [{ upTo: null, price: '0' }] })]
  const b = bench({ spendPerDay: '0.25' }, rates)
  assert(b.call('+4420'))
  assert.equal(b.call('+4420'), null)
  assert(b.call())
  b.clock.turn(600_000)
  assert.equal(b.cut.length, 1)
  assert.equal(b.leases.size, 1)
})

test('B09 included minutes are spent first, and the switch forgets none of it at a restart', () => {
  const rates = [rateOf({ included: 120 })]
  const limits = { spendPerMonth: '0.25' }
  const before = bench(limits, rates)
  assert(before.call())
  before.clock.turn(30_000)
  const b = bench(limits, rates, { clock: before.clock, before, boot: 'b2' })
  b.clock.turn(20_000)
  for (const id of [...b.leases.keys()]) b.end(id)
  assert(b.call(), 'the second minute is free')
  b.clock.turn(45_000)
  assert(b.call(), 'the third is paid')
  assert.equal(b.call(), null, 'and there is no fourth')
  assert.equal(b.used('spendPerMonth'), 0.25)
})

test('B09 whatever calls do, what the switch has counted is what the bill says, and never beyond the limit', () => {
  const step = fc.record({ wait: fc.integer({ min: 0, max: 40_000 }), does: fc.constantFrom('call', 'ring', 'answer', 'end') })
  const tariff = fc.record({
    increments: fc.record({ first: fc.constantFrom(1, 6, 30, 60), next: fc.constantFrom(1, 6, 60) }),
    setUpFee: fc.constantFrom('0', '0.05'),
    included: fc.constantFrom(0, 100),
    tiers: fc.constantFrom<Rate['tiers'][]>(
      [{ upTo: null, price: '0.25' }],
      [
        { upTo: 100, price: '0.25' },
        { upTo: null, price: '0.07' },
      ],
    ),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), tariff, (steps, more) => {
      const rates = [rateOf(more)]
      const b = bench({ spendPerDay: '2' }, rates)
      for (const { wait, does } of steps) {
        b.clock.turn(wait)
        const some = [...b.leases.values()]
        if (does === 'call' || does === 'ring') b.call(ORDINARY, does === 'call')
        else if (does === 'answer') {
          const ringing = some.find((lease) => !lease.answered)
          if (ringing) b.answer(ringing.id)
        } else if (some[0]) b.end(some[0].id)
        assert(b.used('spendPerDay') === undefined || b.used('spendPerDay')! <= 2)
      }
      for (const id of [...b.leases.keys()]) b.end(id)
      const spent = b.used('spendPerDay') ?? 0
      assert(Math.abs(spent - billed(b.over, rates)) <= 0.01, `${spent} and ${billed(b.over, rates)}`)
      assert.equal(b.clock.pending, 0)
    }),
    { numRuns: 150 },
  )
})

test('B09 a month that ends in the middle of a call leaves no debt of units to the next one, restart or not', () => {
  const clock = new TurnedClock(Date.UTC(2026, 10, 30, 23, 30))
  const rates = [rateOf({ included: 600 })]
  const before = bench({ spendPerMonth: '100' }, rates, { clock })
  before.call()
  clock.turn(3_600_000)
  const state = before.records.findLast((record) => record.type === 'toll')!.state as { units: Record<string, number> }
  assert(
    Object.values(state.units).every((units) => units >= 0),
    JSON.stringify(state.units),
  )
  const b = bench({ spendPerMonth: '100' }, rates, { clock, before, boot: 'b2' })
  clock.turn(1000)
  for (const id of [...b.leases.keys()]) b.end(id)
  assert.equal(b.used('spendPerMonth'), billed(b.over, rates))
})
