import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Id } from '#lib/index.ts'
import type { TollRules } from '#platform/words/index.ts'
import { acme, TollBench as Bench, CLASSES, ORDINARY, PREMIUM } from './gate.fixture.ts'

test('F14 a burst gets as many calls as a minute may have, and not one more; a minute later it gets as many again', () => {
  const bench = new Bench({ limits: { callsPerMinute: 10 } })
  const burst = () => Array.from({ length: 25 }, () => bench.call()).filter(Boolean).length
  assert.equal(burst(), 10)
  bench.clock.turn(59_000)
  assert.equal(burst(), 0)
  bench.clock.turn(6_000)
  assert.equal(burst(), 10)
  const refusal = bench.gate.refuses(acme, { kind: 'trunk.out', count: 1, detail: { number: ORDINARY } })
  assert.deepEqual([refusal?.limitedBy, refusal?.rule, refusal?.limit, refusal?.inUse], ['velocity', 'callsPerMinute', 10, 10])
})

test('F14 whatever comes when, no span has more calls than its limit, and who has waited a span is served', () => {
  const limits = { callsPerMinute: 3, callsPerHour: 20 }
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 120_000 }), { maxLength: 150 }), (waits) => {
      const bench = new Bench({ limits })
      const begun: number[] = []
      for (const ms of waits) {
        bench.clock.turn(ms)
        const at = bench.clock.wall()
        const last = begun.at(-1) ?? Number.NEGATIVE_INFINITY
        const inHour = begun.filter((t) => t > at - 3_900_000).length
        if (bench.call()) begun.push(at)
        else assert(at - last < 65_000 || inHour >= 20, 'refused without a reason')
      }
      for (const from of begun) {
        assert(begun.filter((t) => t >= from && t < from + 60_000).length <= 3)
        assert(begun.filter((t) => t >= from && t < from + 3_600_000).length <= 20)
      }
    }),
    { numRuns: 50 },
  )
})

test('F14 a limited class has its own limit, or the one that the subscriber was given, beside that of all calls', () => {
  const bench = new Bench({ limits: { callsPerHour: 5 } })
  assert.deepEqual([bench.call(PREMIUM), bench.call(PREMIUM), bench.call(PREMIUM)].map(Boolean), [true, true, false])
  assert.deepEqual([bench.call(), bench.call(), bench.call(), bench.call()].map(Boolean), [true, true, true, false])
  assert.deepEqual([bench.used('callsPerHour'), bench.used('callsPerHour', 'premium')], [5, 2])
  const own = new Bench({ classLimits: { premium: { callsPerHour: 1 } } })
  assert.deepEqual([own.call(PREMIUM), own.call(PREMIUM), own.call()].map(Boolean), [true, false, true])
})

test('F14 minutes of a day: calls at once use no more than there is, each is warned before it is cut, and the next day is new', () => {
  const bench = new Bench({ limits: { minutesPerDay: 2 } }, { timeZone: 'Europe/Brussels' })
  const begin = bench.clock.wall()
  const calls = [bench.call(), bench.call(), bench.call()]
  assert(calls.every(Boolean))
  bench.clock.turn(90_000)
  assert.equal(bench.cut.length, 3)
  assert.deepEqual(bench.warned.toSorted(), calls.toSorted())
  const talked = bench.cut.reduce((sum, { at }) => sum + at - begin, 0)
  assert(talked <= 120_000 && talked > 117_000, `${talked} ms`)
  assert.equal(bench.call(), null)
  assert.equal(bench.clock.pending, 0)
  bench.clock.turn(86_400_000)
  assert(bench.call())
})

test('F14 what a call was granted and has not used is given back, all of it where it was never answered', () => {
  const bench = new Bench({ limits: { minutesPerDay: 1 } })
  const [ringing, brief] = [bench.call(ORDINARY, false), bench.call()]
  bench.clock.turn(5_000)
  assert(bench.used('minutesPerDay')! > 0.6)
  bench.end(ringing!)
  bench.end(brief!)
  assert.equal(bench.used('minutesPerDay'), Math.round((5 / 60) * 100) / 100)
})

test('F14 whatever calls do, all of a day together talk no longer than it allows', () => {
  const step = fc.record({ wait: fc.integer({ min: 0, max: 30_000 }), does: fc.constantFrom('call', 'ring', 'answer', 'end') })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const bench = new Bench({ limits: { minutesPerDay: 3 } })
      const answered = new Map<Id<'lse'>, number>()
      let talked = 0
      const over = (id: Id<'lse'>) => {
        talked += bench.clock.wall() - (answered.get(id) ?? bench.clock.wall())
        answered.delete(id)
      }
      for (const { wait, does } of steps) {
        const cut = bench.cut.length
        bench.clock.turn(wait)
        for (const { lease, at } of bench.cut.slice(cut)) {
          talked += at - answered.get(lease)!
          answered.delete(lease)
        }
        const some = [...bench.leases.values()]
        if (does === 'call' || does === 'ring') {
          const id = bench.call(ORDINARY, does === 'call')
          if (id && does === 'call') answered.set(id, bench.clock.wall())
        } else if (does === 'answer') {
          const ringing = some.find((lease) => !lease.answered)
          if (!ringing) continue
          bench.answer(ringing.id)
          answered.set(ringing.id, bench.clock.wall())
        } else if (some[0]) {
          over(some[0].id)
          bench.end(some[0].id)
        }
        const running = [...answered.values()].reduce((sum, at) => sum + bench.clock.wall() - at, 0)
        assert(talked + running <= 180_000, `${talked + running} ms`)
      }
      for (const lease of [...bench.leases.keys()]) bench.end(lease)
      assert.equal(bench.clock.pending, 0)
    }),
    { numRuns: 100 },
  )
})

test('F14 a restart forgets no count, and a call that runs on is cut in time all the same', () => {
  const before = new Bench({ limits: { callsPerMinute: 3, minutesPerDay: 1 } })
  const call = before.call()!
  before.call(ORDINARY, false)
  before.clock.turn(15_000)
  const after = new Bench({ limits: { callsPerMinute: 3, minutesPerDay: 1 } }, { clock: before.clock, before, boot: 'b2' })
  assert.deepEqual([after.used('callsPerMinute'), after.call(), after.call()].map(Boolean), [true, true, false])
  for (const id of after.leases.keys()) if (id !== call) after.end(id)
  after.clock.turn(50_000)
  assert.deepEqual(
    after.cut.map(({ lease }) => lease),
    [call],
  )
  assert(after.used('minutesPerDay')! <= 1)
})

test('F14 a limit is told once when four fifths are used, and once when it is met', () => {
  const bench = new Bench({ limits: { callsPerMinute: 10 } })
  for (let i = 0; i < 12; i++) bench.call()
  const told = () => bench.events.map(({ type, data }) => [type, data.rule, data.used])
  assert.deepEqual(told(), [
    ['toll.near', 'callsPerMinute', 8],
    ['toll.met', 'callsPerMinute', 10],
  ])
  bench.clock.turn(70_000)
  for (let i = 0; i < 8; i++) bench.call()
  assert.deepEqual(told().at(-1), ['toll.near', 'callsPerMinute', 8])
})

test('F14 what has no limit is not counted, and writes nothing', () => {
  const bench = new Bench({})
  for (let i = 0; i < 50; i++) bench.call()
  assert.deepEqual([bench.records, bench.gate.uses(), bench.clock.pending], [[], [], 0])
})

test('F14 a limit that is lowered is met by what has been counted, and one that is lifted lets calls go on', () => {
  const bench = new Bench({ limits: { callsPerHour: 50 } })
  for (let i = 0; i < 5; i++) bench.call()
  const limited = (limits: TollRules['limits']) =>
    bench.gate.configure({ tollClasses: CLASSES, subscribers: [{ id: acme, toll: limits ? { limits } : {} }] })
  limited({ callsPerHour: 5 })
  assert.equal(bench.call(), null)
  limited(undefined)
  assert(bench.call())
})

test('what a subscriber has used is forgotten with it, once its last call is over', () => {
  const bench = new Bench({ limits: { minutesPerDay: 60 } })
  const state = () => bench.records.findLast((record) => record.type === 'toll')?.state
  const gone = () => bench.gate.configure({ tollClasses: CLASSES, tariffs: [], subscribers: [] })
  const [first, last] = [bench.call()!, bench.call()!]
  gone()
  bench.end(first)
  assert.ok(state(), 'a call of it runs')
  bench.end(last)
  assert.equal(state(), null)
  bench.publish({ limits: { minutesPerDay: 60 } })
  bench.end(bench.call()!)
  assert.ok(state())
  gone()
  assert.equal(state(), null, 'nothing of it runs')
  assert.deepEqual(bench.gate.uses(), [])
})
