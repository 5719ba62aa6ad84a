import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newId } from '#lib/index.ts'
import { type Account, daysByPlan, planAt } from './account.ts'
import { endOfDay, nextPeriod, period, periodAt } from './period.ts'

const ZONES = [
  'UTC',
  'Europe/Brussels',
  'America/New_York',
  'Pacific/Gambier', // UTC-9
  'Pacific/Apia', // UTC+13; had no 2011-12-30
  'Pacific/Kiritimati', // UTC+14
  'Asia/Kathmandu', // UTC+5:45
  'America/Sao_Paulo', // put its clock forward at midnight until 2018
  'Asia/Beirut', // puts its clock forward at midnight
  'Australia/Lord_Howe', // half an hour of summer time
]

const edges = (name: string, zone: string) => {
  const { from, to, days } = period(name, zone)
  return [from.toISOString(), to.toISOString(), days]
}

test('months begin and end at local midnight (B10)', () => {
  assert.deepEqual(edges('2026-11', 'UTC'), ['2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z', 30])
  assert.deepEqual(edges('2026-11', 'Pacific/Gambier'), ['2026-11-01T09:00:00.000Z', '2026-12-01T09:00:00.000Z', 30])
  assert.deepEqual(edges('2026-11', 'Pacific/Apia'), ['2026-10-31T11:00:00.000Z', '2026-11-30T11:00:00.000Z', 30])
  assert.deepEqual(edges('2028-02', 'UTC'), ['2028-02-01T00:00:00.000Z', '2028-03-01T00:00:00.000Z', 29])
})

test('a month with a change of the clock is an hour shorter or longer', () => {
  assert.deepEqual(edges('2026-03', 'Europe/Brussels'), ['2026-02-28T23:00:00.000Z', '2026-03-31T22:00:00.000Z', 31])
  assert.deepEqual(edges('2026-10', 'Europe/Brussels'), ['2026-09-30T22:00:00.000Z', '2026-10-31T23:00:00.000Z', 31])
})

test('a month that begins at one because midnight was skipped begins there', () => {
  // Asunción put its clock forward at midnight of 1 October 2017: 03:59:59Z was 23:59:59, 04:00:00Z was 01:00.
  assert.equal(edges('2017-10', 'America/Asuncion')[0], '2017-10-01T04:00:00.000Z')
})

test('each instant lies in exactly one period, and the periods of a zone meet (B10)', () => {
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), fc.integer({ min: Date.UTC(2011, 0), max: Date.UTC(2040, 0) }), (zone, ms) => {
      const at = periodAt(new Date(ms), zone)
      assert(at.from.getTime() <= ms && ms < at.to.getTime())
      const next = period(nextPeriod(at.name), zone)
      assert.equal(next.from.getTime(), at.to.getTime())
    }),
    { numRuns: 150 },
  )
})

test('a period that is none is refused', () => {
  for (const wrong of ['2026', '2026-13', '2026-00', '26-11', '2026-11-01', ''])
    assert.throws(() => period(wrong, 'UTC'), /month/)
})

const account = (more: Partial<Account>): Account => ({
  subscriber: newId('sub'),
  name: 'acme',
  timeZone: 'Europe/Brussels',
  since: new Date('2026-01-01T00:00:00Z'),
  until: null,
  plans: [],
  ...more,
})
const days = (more: Partial<Account>, name = '2026-11') =>
  Object.fromEntries(daysByPlan(account(more), period(name, 'Europe/Brussels')))

test('a fee is prorated by local days: beginning and removal whole, a change to the new plan', () => {
  assert.deepEqual(days({}), { standard: 30 })
  assert.deepEqual(days({ since: new Date('2026-11-23T22:59:00Z') }), { standard: 8 }, 'still the 23rd in Brussels')
  assert.deepEqual(days({ since: new Date('2026-11-23T23:01:00Z') }), { standard: 7 }, 'the 24th already')
  assert.deepEqual(days({ since: new Date('2026-11-10T12:00:00Z'), until: new Date('2026-11-10T13:00:00Z') }), { standard: 1 })
  assert.deepEqual(days({ until: new Date('2026-10-31T12:00:00Z') }), {})
  assert.deepEqual(days({ since: new Date('2026-12-01T12:00:00Z') }), {})
  const plans = [
    { since: new Date('2026-01-01T00:00:00Z'), plan: 'small' },
    { since: new Date('2026-11-11T08:00:00Z'), plan: 'large' },
  ]
  assert.deepEqual(days({ plans }), { small: 10, large: 20 })
  assert.equal(planAt(account({ plans }), new Date('2026-11-11T07:59:59Z')), 'small')
  assert.equal(planAt(account({ plans }), new Date('2026-11-11T08:00:00Z')), 'large')
  assert.equal(planAt(account({ plans }), new Date('2025-01-01T08:00:00Z')), 'small')
})

test('a day ends a millisecond before the next one begins, whatever the clock does', () => {
  const end = (at: string, zone: string) => endOfDay(new Date(at), zone).toISOString()
  assert.equal(end('2026-11-30T12:00:00Z', 'UTC'), '2026-11-30T23:59:59.999Z')
  assert.equal(end('2026-11-30T23:59:59.999Z', 'UTC'), '2026-11-30T23:59:59.999Z')
  assert.equal(end('2026-12-01T00:00:00.000Z', 'UTC'), '2026-12-01T23:59:59.999Z')
  // The days of the change have 23 and 25 hours.
  assert.equal(end('2026-03-28T23:00:00Z', 'Europe/Brussels'), '2026-03-29T21:59:59.999Z')
  assert.equal(end('2026-10-24T22:00:00Z', 'Europe/Brussels'), '2026-10-25T22:59:59.999Z')
  // Apia had no 30 December 2011.
  assert.equal(end('2011-12-29T12:00:00Z', 'Pacific/Apia'), '2011-12-30T09:59:59.999Z')
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2035, 0, 1) }), (zone, ms) => {
      const day = endOfDay(new Date(ms), zone)
      const month = periodAt(new Date(ms), zone)
      // What ends with its day belongs to the month of that day.
      assert.ok(day.getTime() >= ms && day < month.to)
      assert.ok(day.getTime() - ms <= 25 * 3_600_000)
      assert.equal(periodAt(day, zone).name, month.name)
    }),
    { numRuns: 300, seed: 11 },
  )
})
