import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, TielineError } from '#lib/index.ts'
import type { Rate, UsageRecord } from '#platform/words/index.ts'
import { formatMicros, minorDigits, mulDiv, parseMicros, payable } from './money.ts'
import { checkPlan, type Plan, rateFor } from './plan.ts'
import { billedSeconds, type Meters, rate } from './rate.ts'
import { standardPlan } from './standard.ts'

const base: Rate = {
  kind: 'trunk.out',
  prefix: '',
  title: 'Calls out',
  unit: 'second',
  increments: { first: 1, next: 1 },
  setUpFee: '0',
  per: 60,
  included: 0,
  tiers: [{ upTo: null, price: '0.05' }],
}
const planOf = (...rates: Partial<Rate>[]): Plan =>
  checkPlan({
    name: 'test',
    title: 'Test',
    currency: 'EUR',
    rates: rates.map((r) => ({ ...base, ...r })),
    recurring: [],
    taxes: [],
  })

function usage(seconds: number, more: Partial<UsageRecord> = {}): UsageRecord {
  return {
    lease: newId('lse'),
    subscriber: newId('sub'),
    kind: 'trunk.out',
    count: 1,
    call: newId('call'),
    takenAt: '2026-11-23T10:00:00.000Z',
    answeredAt: '2026-11-23T10:00:00.000Z',
    releasedAt: '2026-11-23T10:00:00.000Z',
    billableMs: Math.round(seconds * 1000),
    reason: 'hangup',
    detail: { number: '+3225550101' },
    review: false,
    ...more,
  }
}

const price = (seconds: number, plan: Plan, more: Partial<UsageRecord> = {}) => {
  const rated = rate(usage(seconds, more), plan, {})
  return rated ? formatMicros(rated.rating.amount) : null
}

// Seconds of the call; charged seconds at 1/1, 6/6, 60/60, 30/6; price of each at 0.05 a minute. Worked out by hand.
const GOLDEN: [number, [number, string][]][] = [
  [0, [[0, ''], [0, ''], [0, ''], [0, '']]],
  [0.001, [[1, '0.000833'], [6, '0.005'], [60, '0.05'], [30, '0.025']]],
  [1, [[1, '0.000833'], [6, '0.005'], [60, '0.05'], [30, '0.025']]],
  [5.999, [[6, '0.005'], [6, '0.005'], [60, '0.05'], [30, '0.025']]],
  [6, [[6, '0.005'], [6, '0.005'], [60, '0.05'], [30, '0.025']]],
  [29, [[29, '0.024167'], [30, '0.025'], [60, '0.05'], [30, '0.025']]],
  [30, [[30, '0.025'], [30, '0.025'], [60, '0.05'], [30, '0.025']]],
  [31, [[31, '0.025833'], [36, '0.03'], [60, '0.05'], [36, '0.03']]],
  [32, [[32, '0.026667'], [36, '0.03'], [60, '0.05'], [36, '0.03']]],
  [57, [[57, '0.0475'], [60, '0.05'], [60, '0.05'], [60, '0.05']]],
  [59.999, [[60, '0.05'], [60, '0.05'], [60, '0.05'], [60, '0.05']]],
  [60, [[60, '0.05'], [60, '0.05'], [60, '0.05'], [60, '0.05']]],
  [61, [[61, '0.050833'], [66, '0.055'], [120, '0.1'], [66, '0.055']]],
  [75, [[75, '0.0625'], [78, '0.065'], [120, '0.1'], [78, '0.065']]],
] // biome-ignore format: a table

const INCREMENTS = [
  { first: 1, next: 1 },
  { first: 6, next: 6 },
  { first: 60, next: 60 },
  { first: 30, next: 6 },
]

test('each duration is charged as a person would reckon it, at each increment (B05)', () => {
  for (const [seconds, row] of GOLDEN) {
    for (const [i, [charged, amount]] of row.entries()) {
      const increments = INCREMENTS[i]!
      const what = `${seconds} s at ${increments.first}/${increments.next}`
      assert.equal(billedSeconds(seconds * 1000, increments), charged, what)
      const rated = rate(usage(seconds), planOf({ increments }), {})
      if (amount === '') assert.equal(rated, null, what)
      else assert.equal(rated!.rating.amount, parseMicros(amount), what)
    }
  }
})

test('never answered, no time, an emergency call, or a kind without a price: nothing, set-up fee included (B04)', () => {
  const plan = planOf({ setUpFee: '1' })
  assert.equal(price(30, plan, { answeredAt: null, billableMs: 0 }), null)
  assert.equal(price(0, plan), null)
  assert.equal(price(30, plan, { detail: { number: '112', emergency: true } }), null)
  assert.equal(price(30, plan, { kind: 'voice.port' }), null)
  assert.equal(price(60, plan), '1.05')
})

test('why a call ended does not change what it costs (B08)', () => {
  const prices = ['hangup', 'crash', 'media-timeout', 'killed'].map((reason) => price(60, planOf({}), { reason }))
  assert.deepEqual(new Set(prices), new Set(['0.05']))
})

test('the longest prefix of the number decides', () => {
  const plan = planOf({ prefix: '' }, { prefix: '+32' }, { prefix: '+324' }, { prefix: '+44' })
  const chosen = (number?: string) => rateFor(plan, 'trunk.out', number)?.prefix
  assert.deepEqual(['+3225550101', '+32475123456', '+331', '+4420', undefined].map(chosen), ['+32', '+324', '', '+44', ''])
})

test('included units are used up first, within one call too, then the tiers in order', () => {
  const plan = planOf({
    included: 60,
    tiers: [
      { upTo: 120, price: '0.06' },
      { upTo: null, price: '0.03' },
    ],
  })
  let meters: Meters = {}
  const amounts = [50, 40, 100, 60].map((seconds) => {
    const rated = rate(usage(seconds), plan, meters)!
    meters = rated.meters
    return [rated.rating.includedUnits, formatMicros(rated.rating.amount)]
  })
  // 50 free; 10 free + 30 at 0.06; 90 at 0.06 + 10 at 0.03; 60 at 0.03.
  assert.deepEqual(amounts, [
    [50, '0.00'],
    [10, '0.03'],
    [0, '0.095'],
    [0, '0.03'],
  ])
})

test('pieces are counted, and a lease of several counts for each', () => {
  assert.equal(price(7, planOf({ unit: 'piece', per: 1, setUpFee: '0' }), { count: 3 }), '0.15')
  assert.equal(price(60, planOf({ setUpFee: '0.01' }), { count: 3 }), '0.18')
})

test('money is exact: no float, half away from zero', () => {
  assert.equal(formatMicros(parseMicros('0.1') + parseMicros('0.2')), '0.30')
  assert.equal(formatMicros(parseMicros('-1234.5')), '-1234.50')
  assert.equal(formatMicros(parseMicros('999999999999.999999')), '999999999999.999999')
  assert.deepEqual([mulDiv(1n, 1n, 2n), mulDiv(-1n, 1n, 2n), mulDiv(5n, 1n, 3n), mulDiv(4n, 1n, 3n)], [1n, -1n, 2n, 1n])
  assert.equal(payable(parseMicros('1.005'), 'EUR'), parseMicros('1.01'))
  assert.equal(payable(parseMicros('149.5'), 'JPY'), parseMicros('150'))
  assert.equal(minorDigits('KWD'), 3)
  for (const wrong of ['', '1,5', '1.2345678', '1e3', 'NaN', '.5', ' 1']) assert.throws(() => parseMicros(wrong), TielineError)
})

test('a plan that cannot be used is refused with the reason', () => {
  const wrong: [Partial<Plan>, RegExp][] = [
    [{ name: 'Bad Name' }, /name/],
    [{ currency: 'eur' }, /ISO 4217/],
    [{ rates: [{ ...base, prefix: '+32' }] }, /no rate for all other numbers/],
    [{ rates: [base, base] }, /two rates/],
    [{ rates: [{ ...base, increments: { first: 0, next: 1 } }] }, /increments/],
    [{ rates: [{ ...base, tiers: [{ upTo: 10, price: '1' }] }] }, /last tier/],
    [
      {
        rates: [
          {
            ...base,
            tiers: [
              { upTo: null, price: '1' },
              { upTo: null, price: '1' },
            ],
          },
        ],
      },
      /rise/,
    ],
    [{ rates: [{ ...base, setUpFee: '-1' }] }, /negative/],
  ]
  for (const [part, why] of wrong)
    assert.throws(
      () => checkPlan({ ...planOf({}), ...part }),
      (e: Error) => why.test(e.message),
    )
})

test('the plan after install has per-second and 60/60 increments and a recurring fee', () => {
  const plan = checkPlan(standardPlan)
  const increments = new Set(plan.rates.map((r) => `${r.increments.first}/${r.increments.next}`))
  assert(increments.has('1/1') && increments.has('60/60'))
  assert(plan.recurring.length > 0)
})

const memory: Partial<Rate> = { kind: 'agent.memory', unit: 'mebibyte-hour', per: 1, tiers: [{ upTo: null, price: '0.00001' }] }
const held = (seconds: number, mebibytes: number) => usage(seconds, { kind: 'agent.memory', count: mebibytes, detail: {} })

test('memory is priced by the mebibyte-hour, exactly, whatever part of an hour it was held', () => {
  const priced = (seconds: number, mebibytes: number, more: Partial<Rate> = {}) => {
    const rated = rate(held(seconds, mebibytes), planOf({ ...memory, ...more }), {})
    return rated && [formatMicros(rated.rating.amount), rated.rating.units]
  }
  // 256 MiB for 24 h are 6144 MiB h.
  assert.deepEqual(priced(86_400, 256), ['0.06144', 256 * 86_400])
  assert.deepEqual(priced(3600, 1), ['0.00001', 3600])
  // 100 MiB for 1 s are 0.027777… MiB h: at 1 a MiB h that is rounded once, to 0.027778.
  assert.deepEqual(priced(1, 100, { tiers: [{ upTo: null, price: '1' }] }), ['0.027778', 100])
  assert.deepEqual(priced(1, 100, { per: 1000, tiers: [{ upTo: null, price: '1' }] }), ['0.000028', 100])
  // Increments are seconds, as of everything: of a begun hour all is charged.
  assert.deepEqual(priced(3601, 256, { increments: { first: 3600, next: 3600 } }), ['0.00512', 256 * 7200])
  assert.deepEqual(priced(0, 256), null)
  // A month of the largest agent there can be is whole still.
  assert.deepEqual(priced(31 * 86_400, 65_536), ['487.58784', 65_536 * 31 * 86_400])
})

test('what a plan includes, and its tiers, are mebibyte-hours too', () => {
  const plan = planOf({
    ...memory,
    included: 1000,
    tiers: [
      { upTo: 5000, price: '0.01' },
      { upTo: null, price: '0.001' },
    ],
  })
  let meters: Meters = {}
  const amounts = [1, 2, 3].map(() => {
    const rated = rate(held(86_400, 128), plan, meters)!
    meters = rated.meters
    return [formatMicros(rated.rating.amount), rated.rating.includedUnits]
  })
  // 3072 MiB h a day: 2072 of the first day are beyond what is included, the first tier ends in the second.
  assert.deepEqual(amounts, [
    ['20.72', 1000 * 3600],
    ['29.424', 0], // 2928 at 0.01, 144 at 0.001
    ['3.072', 0],
  ])
})

test('what is held for months has no set-up fee', () => {
  assert.throws(() => planOf({ ...memory, setUpFee: '0.1' }), /set-up fee/)
})
