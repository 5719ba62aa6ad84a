import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { runBills } from '#journeys/period/index.ts'
import { type Id, newId, silentLog, systemClock, uuidOf } from '#lib/index.ts'
import { invoiceBytes, type Plan, parseMicros, standardPlan } from '#platform/billing/index.ts'
import type { JournalEntry, Kind, Lease } from '#platform/words/index.ts'
import { addPlan, billingRecords, booksIn, findInvoice, listEntries, Store, usageSink } from '#store/index.ts'
import { startPostgres, type TestPostgres } from '../peer/postgres.ts'

let postgres: TestPostgres
let store: Store
const ahead: Plan = { ...standardPlan, name: 'ahead', prepaid: true, recurring: [], taxes: [] }
before(async () => {
  postgres = await startPostgres()
  store = new Store({ databaseUrl: postgres.url, log: silentLog })
  await store.migrate()
  await platform((tx) => addPlan(tx, ahead, new Date()))
})
after(async () => {
  await store.close()
  await postgres.stop()
})

const platform = <T>(work: Parameters<typeof store.transaction<T>>[1]) => store.transaction('platform', work)
const records = () => billingRecords(store, systemClock)
const balance = async (id: Id<'sub'>) => (await records().balance('platform', id)).micros
const topUp = (id: Id<'sub'>, amount: string, key: string) => records().topUp(id, { key, amount, currency: 'EUR' })
const close = async (id: Id<'sub'>, period: string, now: string) => {
  const { invoices } = await runBills(booksIn(store), { period, subscriber: id, now: new Date(now), log: silentLog })
  return invoices.at(-1)!
}
let slot = 0

/** A subscriber as far as its bills are concerned, with its plans from when on. */
async function subscriber(...plans: [since: string, plan: string][]): Promise<Id<'sub'>> {
  const id = newId('sub')
  await platform(async (tx) => {
    await sql`insert into subscriber (id, name, slot, state, time_zone, default_route, decision_deadline_ms, memory_mebibytes, cpu_share,
      max_processes, listen, created_at) values (${uuidOf(id)}, ${`s${++slot}`}, ${slot}, 'active', 'UTC', '{}', 2000, 256, 1, 64, '{}',
      ${plans[0]![0]})`.execute(tx)
    for (const [since, plan] of plans) await sql`insert into plan_binding values (${uuidOf(id)}, ${since}, ${plan})`.execute(tx)
  })
  return id
}

let position = 1_000_000
/** What the switch's journal says of a lease that is over. */
function released(owner: Id<'sub'>, answered: string, seconds: number, kind: Kind = 'trunk.out'): JournalEntry {
  const wall = Date.parse(answered)
  const [from, to] = [wall, wall + seconds * 1000].map((at) => ({ wall: at, mono: at, boot: 'b' }))
  const lease: Lease = {
    ...{
      id: newId('lse', wall),
      subscriber: owner,
      kind,
      count: 1,
      call: newId('call'),
      taken: from!,
      answered: from!,
      released: to!,
    },
    ...{ reason: 'hangup', detail: { number: '+32470123456' } },
  }
  return { position: ++position, record: { type: 'lease.released', at: to!, lease } }
}

test('B02 B09 the journal comes in parts, again and out of turn: each lease is charged once, in whatever batch, and never in part', async () => {
  const acme = await subscriber(['2026-10-01T00:00:00Z', 'ahead'])
  await topUp(acme, '100', 'one')
  const entries = Array.from({ length: 300 }, (_, i) =>
    released(acme, `2026-11-${String((i % 28) + 1).padStart(2, '0')}T10:00:00Z`, i),
  )
  const charged: number[] = []
  const sink = usageSink(store, 'n1', (ids) => void charged.push(ids.length))
  await sink.take(entries.slice(100, 200))
  await Promise.all([sink.take(entries.slice(0, 150)), sink.take(entries.slice(50, 250)), sink.take(entries)])
  for (let i = 0; i < 3; i++) await sink.take(entries)
  const minutes = Array.from({ length: 300 }, (_, i) => Math.ceil(i / 60)).reduce((sum, n) => sum + n, 0)
  assert.equal(await balance(acme), 100_000_000n - BigInt(minutes) * 30_000n)
  assert.ok(charged.length >= 1 && charged.length <= 4)
  await assert.rejects(
    platform((tx) => sql`update charge set micros = 1`.execute(tx)),
    /never changed/,
  )
  await assert.rejects(
    platform((tx) => sql`delete from top_up`.execute(tx)),
    /never changed/,
  )
})

test('B09 B10 a closed bill shows what was paid in and used, asks for nothing, is the same bytes again, and its entries are the balance', async () => {
  const acme = await subscriber(['2026-09-01T00:00:00Z', 'ahead'])
  await topUp(acme, '20', 'paid')
  await platform((tx) =>
    sql`insert into top_up values (${uuidOf(acme)}, ${uuidOf(newId('top'))}, 'late', 5000000, 'EUR', 'December', '2026-12-01T00:00:00Z')`.execute(
      tx,
    ),
  )
  const at = new Date((await records().topUps('platform', acme, { limit: 1 })).items[0]!.at)
  const period = at.toISOString().slice(0, 7)
  const day = `${period}-01T10:00:00Z`
  await usageSink(store, 'n1').take([released(acme, day, 61), released(acme, day, 7, 'voice.relay')])
  const next = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 2)).toISOString()
  const bill = await close(acme, period, next)
  assert.deepEqual([bill.state, bill.subtotal, bill.rounding, bill.total], ['closed', '0.060117', '0.00', '0.00'])
  assert.deepEqual(
    [bill.prepaid?.used, bill.prepaid?.topUps.map(({ amount }) => amount)],
    ['0.060117', period === '2026-12' ? ['20.00', '5.00'] : ['20.00']],
  )
  const entries = await platform((tx) => listEntries(tx, bill.id))
  const of = (account: string) =>
    entries.reduce((sum, e) => sum + (e.debit === account ? e.micros : 0n) - (e.credit === account ? e.micros : 0n), 0n)
  assert.equal(of('receivable'), 0n)
  assert.equal(-of('prepaid'), await balance(acme))
  assert.equal(of('payments'), 20_000_000n)
  const again = await close(acme, period, next)
  assert.equal(invoiceBytes(again), (await platform((tx) => findInvoice(tx, bill.id))).document)
  assert.equal(await balance(acme), 19_939_883n, 'the bill takes nothing')
})

test('B09 B12 whoever changes from bills to a balance owes what was used before, with its tax; what comes late is charged when it comes, and not asked for', async () => {
  const acme = await subscriber(['2026-08-01T00:00:00Z', 'standard'], ['2026-08-15T12:00:00Z', 'ahead'])
  const sink = usageSink(store, 'n1')
  await sink.take([released(acme, '2026-08-15T11:59:00Z', 120), released(acme, '2026-08-15T12:00:00Z', 60)])
  assert.equal(
    await balance(acme),
    -30_000n,
    'what was answered before is on the bill; a call that has no end until then is not lost',
  )
  const bill = await close(acme, '2026-08', '2026-09-01T06:00:00Z')
  const recurring = parseMicros(bill.lines.find(({ type }) => type === 'recurring')!.amount)
  const owed = recurring + 60_000n
  assert.equal(bill.prepaid?.used, '0.03')
  assert.equal(parseMicros(bill.taxes[0]!.base), owed)
  const { total, rounding, taxes } = bill
  assert.equal(parseMicros(total), owed + parseMicros(taxes[0]!.amount) + parseMicros(rounding))
  await sink.take([released(acme, '2026-08-20T10:00:00Z', 60)])
  assert.equal(await balance(acme), -60_000n)
  const later = await close(acme, '2026-09', '2026-10-01T06:00:00Z')
  assert.deepEqual(
    [later.lines.map(({ type, adjusts }) => `${type} ${adjusts}`), later.prepaid?.used, later.total],
    [['adjustment 2026-08'], '0.03', '0.00'],
  )
  assert.equal(await balance(acme), -60_000n)
})

test('B07 B09 usage of a kind that had no price when it came is charged with the bill that it is on, once', async () => {
  await platform((tx) =>
    addPlan(
      tx,
      { ...ahead, name: 'older', free: ['trunk.in'], rates: ahead.rates.filter(({ kind }) => kind === 'trunk.out') },
      new Date(),
    ),
  )
  const acme = await subscriber(['2026-07-01T00:00:00Z', 'older'])
  await usageSink(store, 'n1').take([
    released(acme, '2026-07-10T10:00:00Z', 60),
    released(acme, '2026-07-10T10:00:00Z', 60, 'voice.relay'),
  ])
  assert.equal(await balance(acme), -30_000n)
  await close(acme, '2026-07', '2026-08-01T06:00:00Z')
  const { rates } = ahead
  await records().addToPlan('older', { rates: rates.filter(({ kind }) => kind === 'voice.relay'), free: [] })
  for (const now of ['2026-09-01T06:00:00Z', '2026-09-02T06:00:00Z']) {
    const bill = await close(acme, '2026-08', now)
    assert.deepEqual([bill.prepaid?.used, bill.total], ['0.001', '0.00'])
    assert.equal(await balance(acme), -31_000n)
  }
})
