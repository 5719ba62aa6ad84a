import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { newId } from '#lib/index.ts'
import { type Plan, parseMicros, priceOf, rate, standardPlan, unitsOf } from '#platform/billing/index.ts'
import { acme, ORDINARY, TollBench } from '#platform/toll/gate.fixture.ts'
import { usageOf } from '#platform/usage/index.ts'
import type { Kind, Lease, Prepaid, Rate } from '#platform/words/index.ts'

const pricing = { units: unitsOf, price: priceOf, micros: parseMicros }
const rateOf = (kind: Kind, price: string, increment: number, more: Partial<Rate> = {}): Rate => ({
  ...{ kind, prefix: '', title: '', unit: 'second', increments: { first: increment, next: increment }, setUpFee: '0', per: 60 },
  ...{ included: 0, tiers: [{ upTo: null, price }] },
  ...more,
})
const MINUTE = rateOf('trunk.out', '0.25', 60)
const MINUTE_ELSEWHERE = rateOf('trunk.out', '0.12', 60, { prefix: '+44' })
const SECOND = rateOf('trunk.out', '0.6', 1)
const paidIn = (balanceMicros: number, more: Partial<Prepaid> = {}): Prepaid => ({
  balanceMicros,
  position: 0,
  sinceMs: 0,
  ...more,
})
const benchOf = (balanceMicros: number, rates: Rate[], more = {}) =>
  new TollBench({}, { rates, pricing, prepaid: paidIn(balanceMicros), ...more })
const leftOf = (bench: TollBench) => bench.gate.balances(acme)[0]?.leftMicros
const typesOf = (bench: TollBench) => bench.events.map(({ type }) => type)

/** What the ledger charges for these leases, in millionths. */
function chargedFor(leases: readonly Lease[], rates: Rate[]): number {
  const plan: Plan = { ...standardPlan, prepaid: true, recurring: [], taxes: [], rates }
  const entries = leases.map((lease, position) => ({
    ...{ position, record: { type: 'lease.released' as const, at: lease.released!, lease } },
  }))
  return usageOf(entries).reduce((sum, usage) => sum + Number(rate(usage, plan, {})?.rating.amount ?? 0n), 0)
}

test('B09 N calls at once on a tiny balance: as many are placed as it pays a first increment of, all of it is used, and none overdraws', () => {
  const bench = benchOf(1_100_000, [MINUTE])
  const calls = Array.from({ length: 20 }, () => bench.call())
  assert.equal(calls.filter(Boolean).length, 4)
  const refusal = bench.gate.refuses(acme, { kind: 'trunk.out', count: 1, detail: { number: ORDINARY } })
  assert.deepEqual([refusal?.limitedBy, refusal?.limit, refusal?.inUse], ['balance', 1.1, 1])
  bench.clock.turn(59_000)
  assert.deepEqual([bench.warned.length, bench.cut.length], [4, 0], 'each is warned, none has dropped at its answer')
  bench.clock.turn(2_000)
  assert.equal(bench.cut.length, 4)
  assert.equal(chargedFor(bench.over, [MINUTE]), 1_000_000)
  assert.equal(leftOf(bench), 100_000)
  assert.equal(bench.clock.pending, 0)
})

test('B09 while the balance pays for one increment more a call is placed and goes on, to the last', () => {
  const bench = benchOf(250_000, [SECOND])
  assert.ok(bench.call())
  bench.clock.turn(60_000)
  assert.deepEqual([bench.cut.length, chargedFor(bench.over, [SECOND]), leftOf(bench)], [1, 250_000, 0])
  assert.equal(bench.call(), null)
})

test('B09 every kind of a call is paid for, together with what is asked for at the same time; what is free is granted on an empty balance', () => {
  const rates = [MINUTE, rateOf('voice.relay', '0.06', 1)]
  const bench = benchOf(250_500, rates)
  const out = { kind: 'trunk.out', count: 1, detail: { number: ORDINARY } }
  const relay = { kind: 'voice.relay', count: 1 }
  assert.equal(bench.gate.refuses(acme, relay), null)
  assert.equal(bench.gate.refuses(acme, out), null)
  assert.equal(bench.gate.refuses(acme, relay, [out])?.kind, 'voice.relay', 'both are more than there is')
  assert.equal(bench.gate.refuses(acme, { kind: 'voice.port', count: 1 }, [out]), null)
  assert.ok(bench.take('voice.relay'))
  bench.clock.turn(300_000)
  assert.equal(chargedFor(bench.over, rates), 250_000)
  assert.equal(bench.gate.refuses(acme, relay)?.limitedBy, 'balance')
  assert.equal(bench.gate.refuses(acme, { kind: 'voice.port', count: 1 }), null)
  assert.equal(bench.gate.refuses(acme, { ...out, detail: { number: '112', emergency: true } }), null)
})

test('B09 where several leases of a call run out its end is heard once, and together they cost what there is', () => {
  const rates = [SECOND, rateOf('voice.relay', '0.6', 1)]
  const bench = benchOf(600_000, rates)
  const call = newId('call')
  assert.ok(bench.take('trunk.out', { number: ORDINARY, call }))
  assert.ok(bench.take('voice.relay', { call }))
  bench.clock.turn(120_000)
  assert.equal(bench.warned.length, 1)
  const cost = chargedFor(bench.over, rates)
  assert.ok(cost <= 600_000 && cost >= 580_000, `${cost}`)
})

test('B09 what runs on a balance that does not last ends at the same time, whoever has asked first; a call that it pays for is not refused for what others have ahead', () => {
  const rates = [SECOND, rateOf('voice.relay', '0.06', 1), rateOf('trunk.in', '0.6', 6)]
  const bench = benchOf(420_000, rates)
  const begin = bench.clock.wall()
  const calls = [bench.call(), bench.take('voice.relay'), bench.take('trunk.in')]
  assert.ok(calls.every(Boolean), 'the first has taken nearly half of it, and the others have theirs')
  bench.clock.turn(60_000)
  const times = bench.cut.map(({ at }) => at - begin)
  // What costs little goes on with what the other two could not use.
  assert.deepEqual(times, [17_900, 17_900, 59_900])
  assert.equal(chargedFor(bench.over, rates), 420_000)

  const tight = benchOf(250_000, [SECOND, MINUTE_ELSEWHERE])
  assert.ok(tight.call(ORDINARY))
  tight.clock.turn(1000)
  assert.equal(tight.gate.refuses(acme, { kind: 'trunk.out', count: 1, detail: { number: '+4420' } }), null)
  assert.equal(tight.gate.refuses(acme, { kind: 'trunk.out', count: 3, detail: { number: '+4420' } })?.limitedBy, 'balance')
  assert.ok(tight.call('+4420'), 'of 0.25, 0.01 a second, eleven of them kept, and 0.12 for the first minute')
  tight.clock.turn(120_000)
  assert.ok(chargedFor(tight.over, [SECOND, MINUTE_ELSEWHERE]) <= 250_000)
})

test('B09 what a balance that runs out costs the switch grows with what runs on it, and not faster', () => {
  const pricesOf = (leases: number): number => {
    let asked = 0
    const price: typeof priceOf = (...of) => {
      asked++
      return priceOf(...of)
    }
    const bench = benchOf(leases * 400_000, [SECOND], { pricing: { ...pricing, price } })
    for (let i = 0; i < leases; i++) {
      assert.ok(bench.call())
      bench.clock.turn(7)
    }
    bench.clock.turn(60_000)
    const cost = chargedFor(bench.over, [SECOND])
    assert.deepEqual([bench.cut.length, bench.clock.pending], [leases, 0])
    assert.ok(cost <= leases * 400_000 && cost > leases * 390_000, `${cost}`)
    const times = bench.cut.map(({ at }) => at)
    assert.ok(Math.max(...times) - Math.min(...times) <= 3000, 'all have the same time left, to a few seconds')
    return asked / leases
  }
  const [few, many] = [pricesOf(40), pricesOf(320)]
  assert.ok(many < few * 3, `${few} prices a lease, and ${many}`)
})

test('B09 a balance that is low is told once, one that is used up once, and again only after more was paid in', () => {
  const bench = benchOf(1_000_000, [MINUTE], { prepaid: paidIn(1_000_000, { lowMicros: 500_000 }) })
  for (let i = 0; i < 4; i++) assert.ok(bench.call())
  assert.deepEqual(typesOf(bench), ['balance.low'])
  assert.equal(bench.call(), null)
  assert.deepEqual(typesOf(bench), ['balance.low', 'balance.empty'])
  bench.publish({}, { prepaid: paidIn(1_000_000, { lowMicros: 400_000 }) })
  assert.deepEqual(typesOf(bench), ['balance.low', 'balance.empty'])
})

test('B09 money that is paid in is seen where the ledger tells at once of more that was used', async () => {
  const bench = benchOf(250_000, [MINUTE])
  await bench.restore()
  bench.call()
  assert.equal(bench.call(), null)
  bench.clock.turn(61_000)
  bench.publish({}, { prepaid: paidIn(200_000, { position: bench.position }) })
  assert.deepEqual(bench.gate.balances(acme), [
    { subscriber: acme, leftMicros: 200_000, reservedMicros: 0, low: false, empty: false },
  ])
})

test('B09 money that is paid in while calls run keeps them up; what the ledger has charged is not charged again', async () => {
  const bench = benchOf(250_000, [MINUTE])
  await bench.restore()
  assert.ok(bench.call())
  bench.clock.turn(55_000)
  assert.equal(bench.warned.length, 1)
  bench.publish({}, { prepaid: paidIn(500_000) })
  bench.clock.turn(60_000)
  assert.deepEqual(bench.cut, [])
  bench.clock.turn(10_000)
  assert.equal(bench.cut.length, 1)
  assert.equal(leftOf(bench), 0)
  assert.equal(bench.gate.keptFrom, 0)
  bench.publish({}, { prepaid: paidIn(0, { position: bench.position }) })
  assert.deepEqual([leftOf(bench), bench.gate.keptFrom], [0, null])
  bench.publish({}, { prepaid: paidIn(700_000, { position: bench.position, lowMicros: 500_000 }) })
  assert.deepEqual(
    bench.gate.balances(acme).map(({ low, empty }) => [low, empty]),
    [[false, false]],
  )
  assert.ok(bench.call())
  assert.deepEqual(typesOf(bench), ['balance.empty', 'balance.low'])
})

test('B09 a switch that is killed forgets nothing: what the ledger has not heard of is read in the journal, and calls that run pay on', async () => {
  const before = benchOf(2_000_000, [MINUTE])
  await before.restore()
  const [heard, unheard] = [before.call()!, before.call()!]
  before.clock.turn(30_000)
  before.end(heard)
  const prepaid = paidIn(1_750_000, { position: before.position })
  before.publish({}, { prepaid })
  before.end(unheard)
  assert.ok(before.call())
  before.clock.turn(70_000)
  assert.equal(leftOf(before), 1_000_000)
  const after = benchOf(0, [MINUTE], { prepaid, clock: before.clock, before, boot: 'b2' })
  await after.ready
  assert.equal(leftOf(after), 1_000_000)
  assert.deepEqual(typesOf(after), [])
  for (const id of [...after.leases.keys()]) after.end(id)
  assert.equal(leftOf(after), 1_000_000)
})

test('B09 whoever begins to pay in advance while calls are up pays for what comes: what was answered before stands on a bill', async () => {
  const bench = new TollBench({}, { rates: [MINUTE], pricing })
  await bench.restore()
  const [over, up] = [bench.call()!, bench.call()!]
  bench.clock.turn(10_000)
  bench.end(over)
  bench.publish({}, { prepaid: paidIn(1_000_000, { sinceMs: bench.clock.wall() }) })
  await turn()
  bench.clock.turn(1000)
  bench.end(up)
  assert.equal(leftOf(bench), 1_000_000)
  assert.ok(bench.call())
  bench.publish({})
  assert.deepEqual(bench.gate.balances(acme), [])
  bench.clock.turn(600_000)
  assert.deepEqual([bench.cut, bench.clock.pending], [[], 0])
})

test('B09 a call that was answered before is not cut for want of a balance, and holds none of it; one that was ringing pays', async () => {
  const bench = new TollBench({}, { rates: [SECOND], pricing })
  await bench.restore()
  const [up, ringing] = [bench.call()!, bench.call(ORDINARY, false)!]
  bench.clock.turn(10_000)
  bench.publish({}, { prepaid: paidIn(0, { sinceMs: bench.clock.wall() }) })
  bench.answer(ringing)
  bench.clock.turn(60_000)
  assert.deepEqual([bench.warned, bench.cut.map(({ lease }) => lease)], [[ringing], [ringing]])
  bench.publish({ limits: { minutesPerDay: 60 } }, { prepaid: paidIn(100_000, { sinceMs: bench.clock.wall() - 60_000 }) })
  bench.clock.turn(60_000)
  bench.end(up)
  assert.equal(bench.cut.length, 1)
  assert.equal(leftOf(bench)! + chargedFor([bench.over[0]!], [SECOND]), 100_000)
})

test('B09 whatever calls do, and whenever the ledger is heard of, what is left is what was paid in without what is charged, and never below nothing', () => {
  const step = fc.record({
    wait: fc.integer({ min: 0, max: 40_000 }),
    does: fc.constantFrom('call', 'ring', 'answer', 'end', 'relay', 'ledger', 'top-up'),
  })
  const first = fc.constantFrom(1, 6, 30, 60)
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), first, fc.constantFrom('0', '0.05'), (steps, increment, setUpFee) => {
      const rates = [rateOf('trunk.out', '0.25', increment, { setUpFee }), rateOf('voice.relay', '0.03', 1)]
      const bench = benchOf(1_000_000, rates)
      void bench.restore()
      let paid = 1_000_000
      let heard = 0
      const publish = () => {
        const known = bench.released.filter((one) => one.position <= heard).map(({ lease }) => lease)
        bench.publish({}, { prepaid: paidIn(paid - chargedFor(known, rates), { position: heard }) })
      }
      for (const { wait, does } of steps) {
        bench.clock.turn(wait)
        const some = [...bench.leases.values()]
        if (does === 'call' || does === 'ring') bench.call(ORDINARY, does === 'call')
        else if (does === 'relay') bench.take('voice.relay')
        else if (does === 'answer') {
          const ringing = some.find((lease) => !lease.answered)
          if (ringing) bench.answer(ringing.id)
        } else if (does === 'ledger') {
          heard = bench.position
          publish()
        } else if (does === 'top-up') {
          paid += 100_000
          publish()
        } else if (some[0]) bench.end(some[0].id)
        assert.ok(leftOf(bench)! >= 0)
      }
      for (const id of [...bench.leases.keys()]) bench.end(id)
      assert.equal(leftOf(bench), paid - chargedFor(bench.over, rates))
      assert.equal(bench.clock.pending, 0)
    }),
    { numRuns: 200 },
  )
})

test('B09 the memory of an agent is neither refused nor cut for want of a balance: the ledger charges it, day by day', () => {
  const bench = benchOf(0, [MINUTE, rateOf('agent.memory', '1', 1, { unit: 'mebibyte-hour', per: 1 })])
  assert.equal(bench.gate.refuses(acme, { kind: 'agent.memory', count: 256 }), null)
  const taken = { wall: bench.clock.wall(), mono: bench.clock.now(), boot: 'b1' }
  const lease: Lease = { id: newId('lse'), subscriber: acme, kind: 'agent.memory', count: 256, agent: newId('agt'), taken }
  bench.gate.saw({ type: 'lease.taken', at: taken, lease }, 1)
  bench.clock.turn(3_600_000)
  const released = { ...taken, wall: taken.wall + 3_600_000, mono: taken.mono + 3_600_000 }
  bench.gate.saw({ type: 'lease.released', at: released, lease: { ...lease, released } }, 2)
  // Not even an account is opened for it.
  assert.deepEqual([bench.cut.length, bench.warned.length, leftOf(bench), bench.clock.pending], [0, 0, undefined, 0])
})

test('B09 what is asked for ahead, and refused for want of a balance, tells nobody that it is empty', () => {
  const bench = benchOf(0, [MINUTE])
  const demand = { kind: MINUTE.kind, count: 1, detail: { number: ORDINARY } }
  const empty = () => bench.events.filter(({ type }) => type === 'balance.empty').length
  assert.equal(bench.gate.refuses(acme, demand, [], true)?.limitedBy, 'balance')
  assert.equal(empty(), 0)
  assert.equal(bench.gate.refuses(acme, demand)?.limitedBy, 'balance')
  assert.equal(empty(), 1)
})
