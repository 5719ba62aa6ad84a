import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { parseMicros, priceOf, unitsOf } from '#platform/billing/index.ts'
import { ORDINARY, PREMIUM, TollBench } from '#platform/toll/gate.fixture.ts'
import type { Rate, TollSpent } from '#platform/words/index.ts'

const pricing = { units: unitsOf, price: priceOf, micros: parseMicros }
const RATE: Rate = {
  ...{ kind: 'trunk.out', prefix: '', title: '', unit: 'second', increments: { first: 60, next: 60 }, setUpFee: '0', per: 60 },
  ...{ included: 0, tiers: [{ upTo: null, price: '0.25' }] },
}
/** A gate of a switch that runs: nothing was left by a former one. */
async function running(rates = [RATE]): Promise<TollBench> {
  const bench = new TollBench({}, { rates, pricing })
  await bench.restore()
  return bench
}
const spentOf = (bench: TollBench, position: number, dayMicros: number, more: Partial<TollSpent> = {}): TollSpent => {
  const day = new Date(bench.clock.wall()).toISOString().slice(0, 10)
  return { position, day, month: day.slice(0, 7), classes: { '': { dayMicros, monthMicros: 2 * dayMicros } }, units: {}, ...more }
}

test('F14 B09 a limit of money begins with what was billed, with what control had not heard of yet, and with the calls that are up', async () => {
  const bench = await running()
  const early = bench.call()!
  bench.clock.turn(30_000)
  bench.end(early)
  const { position } = bench
  const [unshipped, up] = [bench.call()!, bench.call()!]
  bench.clock.turn(70_000)
  bench.end(unshipped)
  bench.publish({ limits: { spendPerDay: '3', spendPerMonth: '100' } }, { spent: spentOf(bench, position, 250_000) })
  assert.equal(bench.used('spendPerDay'), 0.75, 'what was billed, and two minutes of the one that is up')
  await turn()
  assert.deepEqual(
    [bench.used('spendPerDay'), bench.used('spendPerMonth')],
    [1.25, 1.5],
    'and two minutes of the one that control had not heard of',
  )
  bench.end(up)
  assert.equal(bench.used('spendPerDay'), 1.25)
  // Once it has begun, another word of the same is none.
  bench.publish({ limits: { spendPerDay: '4' } }, { spent: spentOf(bench, bench.position, 3_000_000) })
  assert.equal(bench.used('spendPerDay'), 1.25)
  // A limit that was taken away begins again.
  bench.publish({})
  bench.publish({ limits: { spendPerDay: '4' } }, { spent: spentOf(bench, bench.position, 3_000_000) })
  assert.equal(bench.used('spendPerDay'), 3)
})

test('F14 B09 a class that is limited begins with what was spent on it, and leaves what others count', async () => {
  const bench = await running()
  const classes = { '': { dayMicros: 900_000, monthMicros: 900_000 }, premium: { dayMicros: 500_000, monthMicros: 700_000 } }
  const spent = spentOf(bench, 0, 0, { classes })
  bench.publish({ limits: { spendPerDay: '2' } }, { spent })
  const call = bench.call(PREMIUM)!
  bench.clock.turn(1000)
  bench.publish({ limits: { spendPerDay: '2' }, classLimits: { premium: { spendPerMonth: '1' } } }, { spent })
  assert.deepEqual([bench.used('spendPerDay'), bench.used('spendPerMonth', 'premium')], [1.15, 0.95])
  bench.end(call)
  assert.deepEqual([bench.used('spendPerDay'), bench.used('spendPerMonth', 'premium')], [1.15, 0.95])
})

test('F14 B09 calls that are up when a first limit is set, and is met, hear the beeps and are cut ten seconds later, those that ring when they are answered', async () => {
  for (const limits of [{ spendPerDay: '0.2' }, { minutesPerDay: 0.5 }]) {
    const bench = await running([{ ...RATE, increments: { first: 1, next: 1 }, tiers: [{ upTo: null, price: '0.6' }] }])
    const [up, ringing] = [bench.call()!, bench.call(ORDINARY, false)!]
    bench.clock.turn(40_000)
    bench.publish({ limits })
    bench.clock.turn(1)
    assert.deepEqual(bench.warned, [up])
    assert.equal(bench.call(), null)
    assert.ok(bench.events.some(({ type }) => type === 'toll.met'))
    bench.clock.turn(9_000)
    assert.deepEqual(bench.cut, [])
    bench.clock.turn(1_000)
    assert.deepEqual(
      bench.cut.map(({ lease }) => lease),
      [up],
    )
    bench.answer(ringing)
    bench.clock.turn(10_000)
    assert.deepEqual(
      bench.cut.map(({ lease }) => lease),
      [up, ringing],
    )
    assert.equal(bench.clock.pending, 0)
  }
})

test('F14 B09 minutes of a limit that is new begin with the calls that are up, which are cut when they are used up', async () => {
  const bench = await running()
  const begin = bench.clock.wall()
  assert.ok(bench.call())
  bench.clock.turn(30_000)
  bench.publish({ limits: { minutesPerDay: 1 } })
  bench.clock.turn(60_000)
  const [cut] = bench.cut
  assert.ok(cut && cut.at - begin <= 60_000 && cut.at - begin > 59_000, `${cut && cut.at - begin}`)
})

test('F14 B09 included units of the month that were used before a limit are not free again', async () => {
  const bench = await running([{ ...RATE, included: 120 }])
  bench.publish({ limits: { spendPerMonth: '0.25' } }, { spent: spentOf(bench, 0, 0, { units: { '': 120 } }) })
  assert.ok(bench.call(), 'the third minute is paid')
  assert.equal(bench.call(), null)
})

test('F14 B09 a switch that starts behind the publication begins with what was spent before, once', async () => {
  const idle = new TollBench({}, { rates: [RATE], pricing })
  const spent = spentOf(idle, 0, 500_000)
  const first = new TollBench(
    { limits: { spendPerDay: '1' } },
    { rates: [RATE], pricing, spent, clock: idle.clock, before: idle },
  )
  await first.ready
  assert.equal(first.used('spendPerDay'), 0.5)
  assert.ok(first.call())
  const second = new TollBench(
    { limits: { spendPerDay: '1' } },
    { rates: [RATE], pricing, spent, clock: idle.clock, before: first, boot: 'b2' },
  )
  await second.ready
  assert.equal(second.used('spendPerDay'), 0.75)
})
