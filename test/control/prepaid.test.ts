import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { newId, silentLog } from '#lib/index.ts'
import { type Invoice, type Plan, standardPlan } from '#platform/billing/index.ts'
import type { AlarmChange, Lease, Snapshot, SubscriberConfig, TollBalance } from '#platform/words/index.ts'
import { Store } from '#store/index.ts'
import { type Bench, type InstalledBody, installed, journal, startBench, until } from './bench.ts'
import { done } from './tieline.ts'

const plan: Plan = {
  ...standardPlan,
  ...{ name: 'ahead', title: 'Paid in advance', prepaid: true, recurring: [], taxes: [] },
}
let bench: Bench
let acme: InstalledBody
let directory: string
before(async () => {
  bench = await startBench()
  directory = mkdtempSync(join(tmpdir(), 'tieline-ahead-'))
})
after(async () => {
  await bench?.[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

const cli = (...args: string[]) => done(bench, ...args)
const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await cli(...args, '--json'))

/** What the switch was told last of acme. */
function told(): SubscriberConfig | undefined {
  const all = bench.fakes.published.switch.flatMap((publication) =>
    'base' in publication ? (publication.subscribers?.upsert ?? []) : (publication as Snapshot).subscribers,
  )
  return all.findLast(({ id }) => id === acme.subscriber.id)
}

/** A call that is over, in the switch's journal. */
function called(
  kind: string,
  seconds: number,
  detail: Lease['detail'] = {},
  { agoMs = seconds * 1000, subscriber = acme.subscriber.id } = {},
): number {
  const wall = Date.now() - agoMs
  const [taken, released] = [wall, wall + seconds * 1000].map((at) => ({ wall: at, mono: at, boot: 'b' }))
  const lease = { id: newId('lse'), subscriber, kind, count: 1, call: newId('call'), taken: taken!, detail }
  const whole: Lease = { ...lease, released: released!, reason: 'hangup', ...(seconds ? { answered: taken! } : {}) }
  return journal(bench, { type: 'lease.released', at: whole.released!, lease: whole }).position
}

const topUp = (amount: string, idempotencyKey: string | undefined, more: object = {}) =>
  bench.api<{ id: string; amount: { amount: string }; type?: string }>('POST', '/v1/subscribers/acme/top-ups', {
    body: { amount: { amount, currency: 'EUR' }, ...more },
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  })
const balance = async (key?: string) =>
  (await bench.api<{ balance: { amount: string } }>('GET', '/v1/subscribers/acme/balance', key ? { key } : {})).body.balance

test('B09 a plan that is paid in advance has one price for each thing and no fees; the switch is told all its prices and the balance', async () => {
  for (const wrong of [{ taxes: standardPlan.taxes }, { recurring: standardPlan.recurring }]) {
    assert.equal((await bench.api('POST', '/v1/plans', { body: { ...plan, ...wrong } })).status, 422)
  }
  const [first, ...others] = plan.rates
  for (const wrong of [{ included: 60 }, { tiers: [{ upTo: 60, price: '0.1' }, ...first!.tiers] }]) {
    const body = { ...plan, rates: [{ ...first!, ...wrong }, ...others] }
    assert.equal((await bench.api('POST', '/v1/plans', { body })).status, 422)
  }
  const file = join(directory, 'plan.yaml')
  writeFileSync(file, JSON.stringify(plan))
  await cli('plan', 'add', file)
  assert.match(await cli('plan', 'show', 'ahead'), /paid in advance/)
  acme = await installed(bench, 'acme', '+3225550101', { plan: 'ahead' })
  await installed(bench, 'other', '+3225550102', { plan: 'standard' })
  const { balanceMicros, lowMicros } = told()!.prepaid!
  assert.deepEqual([balanceMicros, lowMicros], [0, undefined])
  const tariffs = bench.fakes.published.switch.findLast(({ tariffs }) => tariffs)?.tariffs ?? []
  const kinds = new Map(tariffs.map(({ plan: name, rates }) => [name, new Set(rates.map(({ kind }) => kind))]))
  assert.ok(kinds.get('ahead')?.has('voice.relay') && !kinds.get('standard')?.has('voice.relay'))
})

test('B03 B09 money is paid in once for each key, for good, and the switch has it at once; what is wrong is said', async () => {
  assert.equal((await topUp('10', undefined)).status, 400)
  const [one, two] = [
    await topUp('10.50', 'payment-1', { reference: 'wire 1' }),
    await topUp('10.50', 'payment-1', { reference: 'wire 1' }),
  ]
  assert.deepEqual([one.status, two.status, one.body.id === two.body.id], [201, 201, true])
  assert.equal(told()!.prepaid?.balanceMicros, 10_500_000)
  // The answer is forgotten after a day, or with the process that was killed before it was kept: the money is not.
  await using store = new Store({ databaseUrl: bench.postgres.url, log: silentLog })
  await store.migrate()
  await store.transaction('platform', (tx) => sql`delete from idempotency`.execute(tx))
  const again = await topUp('10.50', 'payment-1', { reference: 'wire 1' })
  assert.deepEqual([again.status, again.body.id], [201, one.body.id])
  await store.transaction('platform', (tx) => sql`delete from idempotency`.execute(tx))
  assert.equal((await topUp('99', 'payment-1')).status, 422)
  const both = await Promise.all(Array.from({ length: 5 }, () => topUp('1', 'payment-2')))
  assert.ok(both.some(({ status }) => status === 201))
  assert.deepEqual(await balance(), { amount: '11.50', currency: 'EUR' })
  for (const [amount, status] of [
    ['0', 422],
    ['-1', 422],
    ['1.1234567', 422],
    ['x', 422],
    ['1e3', 422],
    ['999999999999', 422],
  ] as const)
    assert.equal((await topUp(amount, `bad ${amount}`.replace(' ', '-'))).status, status)
  assert.equal((await topUp('1', 'other-money', { amount: { amount: '1', currency: 'USD' } })).status, 409)
  await assert.rejects(cli('balance', 'top-up', 'other', '5'), /not paid in advance/)
  assert.match(await cli('balance', 'top-up', 'acme', '5', '--payment', 'payment-3'), /5.00 EUR is paid in for acme/)
  await cli('balance', 'top-up', 'acme', '5', '--payment', 'payment-3')
  const listed = await json<{ amount: { amount: string }; reference?: string }[]>('balance', 'list', 'acme')
  assert.deepEqual(
    listed.map(({ amount, reference }) => [amount.amount, reference]),
    [
      ['10.50', 'wire 1'],
      ['1.00', undefined],
      ['5.00', undefined],
    ],
  )
})

test('B09 B02 usage is charged once, of every kind, however often the journal comes; what costs nothing is not', async () => {
  const spent = async (amount: string) => until(amount, async () => (await balance()).amount === amount)
  called('trunk.out', 61, { number: '+32470123456' })
  called('voice.relay', 60)
  called('trunk.in', 0)
  called('trunk.out', 60, { number: '112', emergency: true })
  const position = called('channel.leg', 30)
  await spent('16.438')
  await until('the switch to be told', () => told()?.prepaid?.position === position)
  assert.equal(told()?.prepaid?.balanceMicros, 16_438_000)
  for (const { record } of [...bench.fakes.journal]) journal(bench, record)
  const last = bench.fakes.journal.at(-1)!.position
  await until('all of it again', () => bench.fakes.shipped >= last)
  assert.equal((await balance()).amount, '16.438')
})

test('B09 a subscriber sees its balance and what was paid in, and pays nothing in itself; nobody else sees it', async () => {
  const key = acme.apiKey
  assert.equal((await balance(key)).amount, '16.438')
  const list = await bench.api<{ items: unknown[] }>('GET', '/v1/subscribers/acme/top-ups?limit=2', { key })
  assert.equal(list.body.items.length, 2)
  const body = { amount: { amount: '1', currency: 'EUR' } }
  assert.equal((await bench.api('POST', '/v1/subscribers/acme/top-ups', { key, body, idempotencyKey: 'mine' })).status, 403)
  const other = await installed(bench, 'third', '+3225550103', { plan: 'ahead' })
  for (const path of ['balance', 'top-ups']) {
    assert.equal((await bench.api('GET', `/v1/subscribers/acme/${path}`, { key: other.apiKey })).status, 404)
  }
  const left: TollBalance = {
    subscriber: acme.subscriber.id,
    leftMicros: 15_000_001,
    reservedMicros: 1_437_999,
    low: false,
    empty: false,
  }
  bench.fakes.balances = [left]
  const shown = await json<{ left: { amount: string }; reserved: { amount: string } }>('balance', 'show', 'acme')
  assert.deepEqual([shown.left.amount, shown.reserved.amount], ['15.000001', '1.437999'])
})

test('B09 O06 a threshold is stored and told to the switch; a balance below it is an alarm as soon as its event is there', async () => {
  await assert.rejects(cli('balance', 'warn', 'acme', 'much'), /amount/)
  await cli('balance', 'warn', 'acme', '5.5')
  assert.equal(told()?.prepaid?.lowMicros, 5_500_000)
  const [known] = bench.fakes.balances
  bench.fakes.balances = [{ ...known!, low: true }]
  const at = { wall: Date.now(), mono: 1, boot: 'b' }
  const event = {
    id: newId('evt'),
    subscriber: acme.subscriber.id,
    number: 1,
    at: new Date().toISOString(),
    type: 'balance.low',
    data: {},
  } as const
  journal(bench, { type: 'event', at, event })
  const alarms = async () => (await bench.api<{ items: AlarmChange['alarm'][] }>('GET', '/v1/alarms')).body.items
  await until('the alarm', async () => (await alarms()).some(({ code, about }) => code === 'balance-low' && about === 'acme'))
  bench.fakes.balances = []
  assert.ok(!(await alarms()).some(({ code }) => code === 'balance-low'))
})

test('B09 the bill shows what was paid in and used, and asks for none of it again', async () => {
  const month = new Date().toISOString().slice(0, 7)
  await cli('bill', 'run', '--period', month, '--subscriber', 'acme')
  const bill = await json<Invoice>('bill', 'show', `acme/${month}`)
  assert.deepEqual([bill.subtotal, bill.taxes, bill.rounding, bill.total], ['0.062', [], '0.00', '0.00'])
  assert.equal(bill.prepaid?.used, '0.062')
  assert.deepEqual(
    bill.prepaid?.topUps.map(({ amount }) => amount),
    ['10.50', '1.00', '5.00'],
  )
  assert.match(await cli('bill', 'show', `acme/${month}`), /Paid in on .*: 10\.50 EUR \(wire 1\)[\s\S]*Paid from balance +0\.062/)
  assert.match(await cli('bill', 'show', `acme/${month}`, '--pdf', join(directory, 'bill.pdf')), /bill\.pdf/)
})

test('B09 another plan is another way to pay; a balance keeps its currency', async () => {
  const dollars = { ...plan, name: 'dollars', currency: 'USD' }
  assert.equal((await bench.api('POST', '/v1/plans', { body: dollars })).status, 201)
  await assert.rejects(cli('subscriber', 'plan', 'acme', 'dollars'), /in EUR/)
  const since = told()?.prepaid?.sinceMs
  assert.ok(since)
  await cli('subscriber', 'plan', 'acme', 'ahead')
  assert.equal(told()?.prepaid?.sinceMs, since, 'whoever has the plan pays in advance since it got it')
  await bench.api('PATCH', '/v1/subscribers/acme', { body: { plan: 'standard' } })
  assert.equal(told()?.prepaid, undefined)
  await using store = new Store({ databaseUrl: bench.postgres.url, log: silentLog })
  await store.migrate()
  await store.transaction('platform', (tx) => sql`delete from idempotency`.execute(tx))
  const again = await topUp('10.50', 'payment-1', { reference: 'wire 1' })
  assert.equal(again.status, 201, 'it was paid in, whatever the plan is now')
  assert.equal((await topUp('10.50', 'payment-9')).status, 409)
  called('trunk.out', 60, { number: '+32470123456' }, { agoMs: 0 })
  const count = async () => (await bench.api<{ items: unknown[] }>('GET', '/v1/subscribers/acme/usage')).body.items.length
  await until('the usage', async () => (await count()) === 6)
  assert.equal((await balance()).amount, '16.438', 'what is left stays, and pays for nothing')
})

test('B09 B10 whoever never chose a plan owes what was used before it began to pay in advance', async () => {
  const { subscriber } = await installed(bench, 'fourth', '+3225550104')
  const used = { number: '+32470123456' }
  called('trunk.out', 60, used, { subscriber: subscriber.id })
  const path = '/v1/subscribers/fourth'
  const count = async () => (await bench.api<{ items: unknown[] }>('GET', `${path}/usage`)).body.items.length
  await until('the usage', async () => (await count()) === 1)
  await cli('subscriber', 'plan', 'fourth', 'ahead')
  called('trunk.out', 120, used, { subscriber: subscriber.id, agoMs: 0 })
  await until('all of it', async () => (await count()) === 2)
  const { body } = await bench.api<{ balance: { amount: string } }>('GET', `${path}/balance`)
  assert.equal(body.balance.amount, '-0.06')
  const month = new Date().toISOString().slice(0, 7)
  await cli('bill', 'run', '--period', month, '--subscriber', 'fourth')
  const bill = await json<Invoice>('bill', 'show', `fourth/${month}`)
  const lines = bill.lines.filter(({ type }) => type === 'usage').map(({ plan: name, amount }) => `${name} ${amount}`)
  assert.deepEqual([lines.sort(), bill.prepaid?.used, bill.taxes[0]?.base], [['ahead 0.06', 'standard 0.03'], '0.06', '0.03'])
})

test('B09 no balance is more than the switch can count, also where several pay in at the same time', async () => {
  await installed(bench, 'rich', '+3225550177', { plan: 'ahead' })
  const payIn = async (amount: string, idempotencyKey: string) => {
    const body = { amount: { amount, currency: 'EUR' } }
    return (await bench.api('POST', '/v1/subscribers/rich/top-ups', { body, idempotencyKey })).status
  }
  const large = await Promise.all(['a', 'b', 'c', 'd'].map((key) => payIn('4000000000', `large-${key}`)))
  assert.deepEqual(large.sort(), [201, 201, 422, 422])
  const { body } = await bench.api<{ balance: { amount: string } }>('GET', '/v1/subscribers/rich/balance')
  assert.equal(body.balance.amount, '8000000000.00')
  assert.equal(await payIn('9'.repeat(30), 'huge'), 422)
})
