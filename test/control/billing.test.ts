import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Id, newId } from '#lib/index.ts'
import { type Invoice, parseMicros, standardPlan } from '#platform/billing/index.ts'
import type { Lease, UsageRecord } from '#platform/words/index.ts'
import { type Bench, installed, journal, startBench, until } from './bench.ts'
import { run } from './tieline.ts'

let bench: Bench
let directory: string
before(async () => {
  bench = await startBench()
  directory = mkdtempSync(join(tmpdir(), 'tieline-bill-'))
})
after(async () => {
  await bench?.[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

const cli = (...args: string[]) => run(bench, ...args)

/** Leases of calls that are over, in the switch's journal. */
function calls(subscriber: Id<'sub'>, seconds: number[], mark: { review?: true } = {}): Id<'lse'>[] {
  return seconds.map((s) => {
    const wall = Date.now() - s * 1000 - 1000
    const taken = { wall, mono: 1000, boot: 'b' }
    const released = { wall: wall + s * 1000, mono: 1000 + s * 1000, boot: 'b' }
    const lease: Lease = { id: newId('lse'), subscriber, kind: 'trunk.in', count: 1, call: newId('call'), taken }
    Object.assign(lease, { released, reason: s ? 'hangup' : 'cancelled' }, s ? { answered: taken } : {})
    journal(bench, { type: 'lease.released', at: released, lease, ...mark })
    return lease.id
  })
}

const month = () => new Date().toISOString().slice(0, 7)
const usageOf = async (name: string, key?: string) =>
  (await bench.api<{ items: UsageRecord[] }>('GET', `/v1/subscribers/${name}/usage`, key ? { key } : {})).body.items

test('from the journal to the bill: usage, a draft of this month, its PDF, and lines that lead back to leases, also those to be reviewed (B06)', async () => {
  const acme = await installed(bench, 'acme', '+3225550101', { plan: 'standard' })
  const leases = calls(acme.subscriber.id, [60, 30, 0])
  await until('the usage to be shipped', async () => (await usageOf('acme')).length === 3)

  const run = await cli('bill', 'run', '--period', month(), '--json')
  assert.equal(run.code, 0, run.err)
  const bill = JSON.parse(run.out).bills.find((b: { name: string }) => b.name === 'acme')
  assert.equal(bill.state, 'draft')

  const shown = await cli('bill', 'show', `acme/${month()}`, '--json')
  const invoice: Invoice = JSON.parse(shown.out)
  const line = invoice.lines.find((l) => l.rate === 'trunk.in')
  assert.deepEqual([line?.count, line?.units, line?.amount], [2, 90, '0.009'])
  assert.deepEqual(line?.leases.toSorted(), leases.slice(0, 2).sort())
  const sum = [...invoice.lines, ...invoice.taxes].reduce((s, l) => s + parseMicros(l.amount), parseMicros(invoice.rounding))
  assert.equal(sum, parseMicros(invoice.total))

  const [silent] = calls(acme.subscriber.id, [20], { review: true })
  await until('the usage to be shipped', async () => (await usageOf('acme')).length === 4)
  await cli('bill', 'run', '--period', month())
  const reviewed: Invoice = JSON.parse((await cli('bill', 'show', `acme/${month()}`, '--json')).out)
  assert.deepEqual(reviewed.lines.find((l) => l.rate === 'trunk.in')?.review, [silent], 'B06 named on its line')

  const file = join(directory, 'acme.pdf')
  assert.equal((await cli('bill', 'show', bill.id, '--pdf', file)).code, 0)
  assert.equal(readFileSync(file).subarray(0, 5).toString(), '%PDF-')
  const again = join(directory, 'again.pdf')
  await cli('bill', 'run', '--period', month())
  await cli('bill', 'show', bill.id, '--pdf', again)
  assert.deepEqual(readFileSync(again), readFileSync(file), 'the same bytes')

  const text = await cli('bill', 'show', bill.id)
  assert.match(text.out, /Calls in +trunk\.in +3 +110 +3 \(1 to review\) +0\.011/)
  assert.match((await cli('bill', 'list')).out, /acme +\d{4}-\d\d +draft/)
  assert.match((await cli('usage', 'list', 'acme')).out, /trunk\.in +1 +60\.000 +hangup/)
})

test("a subscriber sees its own usage and bills, and another's are not there for it (T02)", async () => {
  const [one, two] = [await installed(bench, 'one', '+3225550111'), await installed(bench, 'two', '+3225550112')]
  calls(one.subscriber.id, [10])
  calls(two.subscriber.id, [20])
  await until('the usage to be shipped', async () => (await usageOf('two')).length === 1)
  await bench.api('POST', '/v1/bill-runs', { body: { period: month() } })
  const key = one.apiKey
  const { body } = await bench.api<{ items: { id: string; name: string }[] }>('GET', '/v1/bills', { key })
  assert.deepEqual(
    body.items.map((b) => b.name),
    ['one'],
  )
  const all = await bench.api<{ items: { id: string; name: string }[] }>('GET', '/v1/bills?subscriber=two')
  const theirs = all.body.items[0]!
  assert.equal(theirs.name, 'two')
  for (const path of [`/v1/bills/${theirs.id}`, `/v1/bills/${theirs.id}/pdf`, `/v1/bills/${theirs.id}/entries`]) {
    assert.equal((await bench.api('GET', path, { key })).status, 404, path)
  }
  assert.equal((await bench.api('GET', '/v1/subscribers/two/usage', { key })).status, 404)
  assert.deepEqual(
    (await usageOf('one', key)).map((u) => u.billableMs),
    [10_000],
  )
  assert.deepEqual(
    (await bench.api<{ items: unknown[] }>('GET', '/v1/bills?subscriber=two', { key })).body.items.length,
    1,
    'its own',
  )
  for (const [method, path] of [
    ['POST', '/v1/bill-runs'],
    ['POST', '/v1/plans'],
    ['GET', '/v1/plans'],
  ] as const) {
    const body = path === '/v1/plans' ? standardPlan : { period: month() }
    assert.equal((await bench.api(method, path, { key, ...(method === 'POST' ? { body } : {}) })).status, 403, path)
  }
})

test('plans are added from a file, once; what is wrong is said', async () => {
  const file = join(directory, 'plan.yaml')
  writeFileSync(file, JSON.stringify({ ...standardPlan, name: 'golden' }))
  assert.equal((await cli('plan', 'add', file)).out, 'The plan golden is there.\n')
  assert.equal((await cli('plan', 'add', file)).code, 0)
  writeFileSync(file, JSON.stringify({ ...standardPlan, name: 'golden', currency: 'USD' }))
  assert.match((await cli('plan', 'add', file)).err, /plan-exists/)
  writeFileSync(file, JSON.stringify({ ...standardPlan, name: 'free', rates: [{ ...standardPlan.rates[0], tiers: [] }] }))
  assert.equal((await cli('plan', 'add', file)).code, 1)
  assert.match((await cli('plan', 'list')).out, /golden .*25\.00/)
  assert.match((await cli('plan', 'show', 'standard')).out, /trunk\.out +\+32 +60\/60/)
})

test('O06 a kind that a plan says nothing of: an alarm, its usage waits, and is billed once there is a price (B07)', async () => {
  const priced = standardPlan.rates.filter(({ kind }) => kind !== 'voice.detection')
  await bench.api('POST', '/v1/plans', { body: { ...standardPlan, name: 'older', rates: priced } })
  const owner = await installed(bench, 'late', '+3225550121', { plan: 'older' })
  const raised = async () => {
    const { body } = await bench.api<{ items: { code: string; about: string; text: string }[] }>('GET', '/v1/alarms')
    return body.items.filter(({ code }) => code === 'price-missing').map(({ about, text }) => `${about}: ${text}`)
  }
  const [alarm, ...more] = await raised()
  assert.deepEqual(more, [])
  assert.match(alarm ?? '', /^older: Plan older has no price for voice\.detection/)
  const wall = Date.now() - 100_000
  const at = (ms: number) => ({ wall: wall + ms, mono: 1000 + ms, boot: 'b' })
  const lease: Lease = {
    id: newId('lse'),
    subscriber: owner.subscriber.id,
    kind: 'voice.detection',
    count: 1,
    call: newId('call'),
    taken: at(0),
  }
  Object.assign(lease, { answered: at(0), released: at(60_000), reason: 'done' })
  journal(bench, { type: 'lease.released', at: at(60_000), lease })
  await until('the usage to be shipped', async () => (await usageOf('late')).length === 1)
  const run = await cli('bill', 'run', '--period', month(), '--subscriber', 'late')
  assert.match(run.out, /Not billed yet: 1 leases of voice\.detection, 60 s, of sub_\w+: plan older has no price/)
  assert.match((await cli('plan', 'list')).out, /older .*voice\.detection/)
  assert.match((await cli('plan', 'price', 'older', '--free', 'trunk.in')).err, /plan-priced/)
  assert.match((await cli('plan', 'price', 'older', '--standard')).out, /has \d+ rates\.\n$/)
  assert.deepEqual(await raised(), [])
  assert.doesNotMatch((await cli('bill', 'run', '--period', month(), '--subscriber', 'late')).out, /Not billed/)
  assert.match((await cli('bill', 'show', `late/${month()}`)).out, /voice\.detection +1 +60 +1 +0\.008/)
})

test('a month that is none, a bill that is none, a subscriber that is none: said with their own errors', async () => {
  const codes = await Promise.all([
    bench.api<{ type: string }>('POST', '/v1/bill-runs', { body: { period: '2026-13' } }),
    bench.api<{ type: string }>('GET', '/v1/bills/inv_1'),
    bench.api<{ type: string }>('POST', '/v1/bill-runs', { body: { period: month(), subscriber: 'nobody' } }),
    bench.api<{ type: string }>('GET', '/v1/bills?after=x'),
  ])
  assert.deepEqual(
    codes.map(({ status, body }) => [status, body.type.split(':').at(-1)]),
    [
      [422, 'invalid-period'],
      [404, 'not-found'],
      [404, 'not-found'],
      [422, 'invalid-argument'],
    ],
  )
})
