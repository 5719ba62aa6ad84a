import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { runBills } from '#journeys/period/index.ts'
import { type Id, newId, silentLog, TielineError, uuidOf } from '#lib/index.ts'
import { invoiceBytes, invoicePdf, parseMicros, standardPlan } from '#platform/billing/index.ts'
import type { JournalEntry, Lease, UsageRecord } from '#platform/words/index.ts'
import {
  addPlan,
  addToPlan,
  booksIn,
  findInvoice,
  listEntries,
  listInvoices,
  listPlans,
  listUsage,
  plansWithoutPrice,
  recordUsage,
  Store,
  usageSink,
} from '#store/index.ts'
import { sayWhatIsFree } from '../../src/store/migrations/0018_plan-addition.ts'
import { startPostgres, type TestPostgres } from '../peer/postgres.ts'

let postgres: TestPostgres
let store: Store
before(async () => {
  postgres = await startPostgres()
  store = new Store({ databaseUrl: postgres.url, log: silentLog })
  await store.migrate()
})
after(async () => {
  await store.close()
  await postgres.stop()
})

const platform = <T>(work: Parameters<typeof store.transaction<T>>[1]) => store.transaction('platform', work)
const now = (iso: string) => ({ now: new Date(iso), log: silentLog })
let slot = 0

/** A subscriber as far as its bills are concerned: install writes far more. */
async function subscriber(timeZone: string, since: string, plan?: string): Promise<Id<'sub'>> {
  const id = newId('sub')
  await platform(async (tx) => {
    await sql`insert into subscriber (id, name, slot, state, time_zone, default_route, decision_deadline_ms, memory_mebibytes, cpu_share,
      max_processes, listen, created_at) values (${uuidOf(id)}, ${`s${++slot}`}, ${slot}, 'active', ${timeZone}, '{}', 2000, 256, 1, 64, '{}',
      ${since})`.execute(tx)
    if (plan) await sql`insert into plan_binding values (${uuidOf(id)}, ${since}, ${plan})`.execute(tx)
  })
  return id
}

function used(owner: Id<'sub'>, answered: string, seconds: number, more: Partial<UsageRecord> = {}): UsageRecord {
  return {
    lease: newId('lse', Date.parse(answered)),
    subscriber: owner,
    kind: 'trunk.in',
    count: 1,
    call: newId('call'),
    takenAt: answered,
    answeredAt: answered,
    releasedAt: new Date(Date.parse(answered) + seconds * 1000).toISOString(),
    billableMs: seconds * 1000,
    reason: 'hangup',
    detail: {},
    review: false,
    ...more,
  }
}

test('the journal may be read again and again: each lease is kept once (B02)', async () => {
  const acme = await subscriber('UTC', '2026-11-01T00:00:00Z')
  const instant = (ms: number) => ({ wall: Date.UTC(2026, 10, 5) + ms, mono: ms, boot: 'b' })
  const entries = Array.from({ length: 2500 }, (_, i): JournalEntry => {
    const lease: Lease = {
      id: newId('lse'),
      subscriber: acme,
      kind: 'trunk.in',
      count: 1,
      call: newId('call'),
      taken: instant(i),
    }
    Object.assign(lease, { answered: instant(i + 10), released: instant(i + 1010), reason: 'hangup' })
    return { position: i + 1, record: { type: 'lease.released', at: lease.released!, lease } }
  })
  const sink = usageSink(store, 'n1')
  await sink.take(entries.slice(0, 1500))
  for (let i = 0; i < 3; i++) await sink.take(entries)
  const seen: UsageRecord[] = []
  for (let next: Id<'lse'> | undefined, more = true; more; more = next !== undefined) {
    const page = await platform((tx) => listUsage(tx, acme, { limit: 1000, ...(next ? { after: next } : {}) }))
    seen.push(...page.items)
    next = page.next
  }
  assert.equal(seen.length, 2500)
  assert.deepEqual(new Set(seen.map((u) => u.billableMs)), new Set([1000]))
  const mixed = [seen[0]!, used(acme, '2026-11-06T00:00:00.000Z', 5)]
  assert.equal(await platform((tx) => recordUsage(tx, mixed)), 1, 'a mixed batch takes the new one (B03)')
})

test('closing a period twice gives the same bytes, and the PDF as it was issued', async () => {
  const acme = await subscriber('Europe/Brussels', '2026-11-10T12:00:00Z', 'standard')
  await platform((tx) =>
    recordUsage(tx, [
      used(acme, '2026-11-12T10:00:00.000Z', 75),
      used(acme, '2026-11-12T11:00:00.000Z', 61, { kind: 'trunk.out', detail: { number: '+3225550101' } }),
      used(acme, '2026-11-12T12:00:00.000Z', 0, { answeredAt: null, billableMs: 0, reason: 'cancelled' }),
    ]),
  )
  const ask = { period: '2026-11', subscriber: acme }
  const first = await runBills(booksIn(store), { ...ask, ...now('2026-12-01T08:00:00Z') })
  const [invoice] = first.invoices
  assert.equal(invoice?.state, 'closed')
  assert.deepEqual(
    invoice.lines.map((line) => [line.title, line.amount, line.leases.length]),
    [
      ['Private channel and agent, 21 of 30 days', '17.50', 0],
      ['Calls in', '0.0075', 1],
      ['Calls out, Belgium', '0.06', 1],
    ],
  )
  const kept = await platform((tx) => findInvoice(tx, invoice.id))
  await platform((tx) => recordUsage(tx, [used(acme, '2026-11-13T10:00:00.000Z', 600)]))
  const again = await runBills(booksIn(store), { ...ask, ...now('2027-02-01T08:00:00Z') })
  assert.deepEqual(again.invoices, first.invoices)
  const later = await platform((tx) => findInvoice(tx, invoice.id))
  assert.equal(later.document, kept.document)
  assert.equal(later.document, invoiceBytes(invoice))
  assert.deepEqual(Buffer.from(later.pdf!), Buffer.from(kept.pdf!))
  assert.deepEqual(Buffer.from(later.pdf!), Buffer.from(await invoicePdf(invoice)))
})

test('the ledger leads from each entry to its lease, and adds up to the total', async () => {
  const acme = await subscriber('UTC', '2026-10-01T00:00:00Z', 'standard')
  const usage = Array.from({ length: 40 }, (_, i) =>
    used(acme, `2026-10-${String((i % 28) + 1).padStart(2, '0')}T10:00:00.000Z`, i + 1),
  )
  await platform((tx) => recordUsage(tx, usage))
  const { invoices } = await runBills(booksIn(store), { period: '2026-10', subscriber: acme, ...now('2026-11-02T00:00:00Z') })
  const entries = await platform((tx) => listEntries(tx, invoices[0]!.id))
  assert.deepEqual(entries.flatMap((e) => e.lease ?? []).sort(), usage.map((u) => u.lease).sort())
  const owed = entries.reduce((sum, e) => sum + (e.debit === 'receivable' ? e.micros : -e.micros), 0n)
  assert.equal(owed, parseMicros(invoices[0]!.total))
  for (const text of [
    'update entry set micros = 1',
    'delete from entry',
    "update invoice set document = ''",
    'delete from plan',
  ]) {
    await assert.rejects(
      platform((tx) => sql.raw(text).execute(tx)),
      /never changed/,
      text,
    )
  }
})

test('a period that is not over gives a draft, which is made anew, posts nothing, and becomes the bill', async () => {
  const acme = await subscriber('UTC', '2026-11-01T00:00:00Z', 'standard')
  await platform((tx) => recordUsage(tx, [used(acme, '2026-11-12T10:00:00.000Z', 60)]))
  const ask = { period: '2026-11', subscriber: acme }
  const [draft] = (await runBills(booksIn(store), { ...ask, ...now('2026-11-23T12:00:00Z') })).invoices
  assert.equal(draft?.state, 'draft')
  assert.deepEqual(await platform((tx) => listEntries(tx, draft.id)), [])
  await platform((tx) => recordUsage(tx, [used(acme, '2026-11-13T10:00:00.000Z', 60)]))
  const [next] = (await runBills(booksIn(store), { ...ask, ...now('2026-11-24T12:00:00Z') })).invoices
  assert.deepEqual([next?.state, next?.lines[1]?.count, next?.id], ['draft', 2, draft.id])
  const [closed] = (await runBills(booksIn(store), { ...ask, ...now('2026-12-01T00:00:00Z') })).invoices
  assert.deepEqual([closed?.state, closed?.lines, closed?.id], ['closed', next?.lines, draft.id])
  assert.equal((await platform((tx) => listInvoices(tx, { subscriber: acme, limit: 10 }))).items.length, 1)
})

test('a period that has begun nowhere yet is refused; where a month begins first, it has', async () => {
  const acme = await subscriber('Pacific/Kiritimati', '2026-10-01T00:00:00Z')
  const run = (period: string, at: string) => runBills(booksIn(store), { period, subscriber: acme, ...now(at) })
  await assert.rejects(run('2027-01', '2026-11-27T12:00:00Z'), /has not begun: the newest is 2026-11/)
  await assert.rejects(run('2026-12', '2026-11-30T09:59:59Z'), /has not begun/)
  const { invoices } = await run('2026-12', '2026-11-30T10:00:00Z')
  assert.equal(invoices.at(-1)?.period, '2026-12')
})

test('late usage goes to the next invoice as an adjustment; the closed one stays (B12)', async () => {
  const acme = await subscriber('UTC', '2026-09-01T00:00:00Z', 'standard')
  const books = booksIn(store)
  const [september] = (await runBills(books, { period: '2026-09', subscriber: acme, ...now('2026-10-01T06:00:00Z') })).invoices
  const late = used(acme, '2026-09-30T23:58:00.000Z', 60)
  await platform((tx) => recordUsage(tx, [late]))
  const run = await runBills(books, { period: '2026-10', subscriber: acme, ...now('2026-11-01T06:00:00Z') })
  assert.equal(run.invoices.length, 1)
  const line = run.invoices[0]!.lines.at(-1)
  assert.deepEqual([line?.type, line?.adjusts, line?.leases], ['adjustment', '2026-09', [late.lease]])
  assert.deepEqual((await platform((tx) => findInvoice(tx, september!.id))).invoice, september)
})

test('calls at the edges of a month stand on exactly one invoice in every time zone (B10)', async () => {
  for (const zone of ['Pacific/Gambier', 'Pacific/Apia', 'Europe/Brussels', 'America/New_York']) {
    const acme = await subscriber(zone, '2026-02-10T12:00:00Z', 'standard')
    const usage: UsageRecord[] = []
    for (const edge of ['2026-02-28', '2026-03-01', '2026-03-29', '2026-03-31', '2026-04-01', '2026-03-08']) {
      for (let hour = 0; hour < 24; hour++) usage.push(used(acme, `${edge}T${String(hour).padStart(2, '0')}:59:50.000Z`, 20))
    }
    await platform((tx) => recordUsage(tx, usage))
    const { invoices } = await runBills(booksIn(store), { period: '2026-04', subscriber: acme, ...now('2026-06-01T00:00:00Z') })
    assert.deepEqual(
      invoices.map((i) => i.period),
      ['2026-02', '2026-03', '2026-04'],
      'open periods before are closed first',
    )
    assert(invoices.every((invoice) => invoice.lines.every((line) => line.type !== 'adjustment')))
    const leases = invoices.flatMap((invoice) => invoice.lines.flatMap((line) => line.leases))
    assert.deepEqual(leases.sort(), usage.map((u) => u.lease).sort(), zone)
  }
})

test('two runs at once close a period once', async () => {
  const acme = await subscriber('UTC', '2026-10-01T00:00:00Z', 'standard')
  await platform((tx) => recordUsage(tx, [used(acme, '2026-10-12T10:00:00.000Z', 60)]))
  const runs = await Promise.all(
    [1, 2, 3].map(() => runBills(booksIn(store), { period: '2026-10', subscriber: acme, ...now('2026-11-02T00:00:00Z') })),
  )
  assert.deepEqual(runs[1]?.invoices, runs[0]?.invoices)
  assert.deepEqual(runs[2]?.invoices, runs[0]?.invoices)
})

test('a subscriber that is removed gets its last bill, and none after', async () => {
  const acme = await subscriber('UTC', '2026-10-01T00:00:00Z', 'standard')
  await platform((tx) => recordUsage(tx, [used(acme, '2026-10-12T10:00:00.000Z', 60)]))
  await platform((tx) => sql`delete from subscriber where id = ${uuidOf(acme)}`.execute(tx))
  await platform((tx) => sql`update account set until = '2026-10-20T00:00:00Z' where subscriber_id = ${uuidOf(acme)}`.execute(tx))
  const { invoices } = await runBills(booksIn(store), { period: '2026-12', subscriber: acme, ...now('2027-02-01T00:00:00Z') })
  assert.deepEqual(
    invoices.map((i) => [i.period, i.lines[0]?.title]),
    [['2026-10', 'Private channel and agent, 20 of 31 days']],
  )
})

test('an account whose plan does not exist waits, is listed, and is billed once when it does (B07)', async () => {
  const acme = await subscriber('UTC', '2026-10-01T00:00:00Z', 'golden')
  await platform((tx) => recordUsage(tx, [used(acme, '2026-10-12T10:00:00.000Z', 60)]))
  const ask = { period: '2026-10', subscriber: acme, ...now('2026-11-02T00:00:00Z') }
  const failed = await runBills(booksIn(store), ask)
  assert.deepEqual(
    failed.failures.map((f) => [f.subscriber, f.code]),
    [[acme, 'plan-unknown']],
  )
  await platform((tx) => addPlan(tx, { ...standardPlan, name: 'golden' }, new Date()))
  const { invoices, failures } = await runBills(booksIn(store), ask)
  assert.deepEqual([invoices.length, failures], [1, []])
})

test('usage of a kind that is newer than its plan waits until that has a price, and is billed once, late (B07)', async () => {
  const detection = standardPlan.rates.filter(({ kind }) => kind === 'voice.detection')
  const older = { ...standardPlan, name: 'older', rates: standardPlan.rates.filter((one) => !detection.includes(one)) }
  // As an earlier release has left it, which knew nothing of what is free.
  const { free: _, ...definition } = older
  await platform(async (tx) => {
    await sql`insert into plan values ('older', ${JSON.stringify(definition)}::jsonb, now())`.execute(tx)
    await sayWhatIsFree(tx as never)
  })
  const [acme, gone] = [
    await subscriber('UTC', '2026-10-01T00:00:00Z', 'older'),
    await subscriber('UTC', '2026-10-01T00:00:00Z', 'older'),
  ]
  for (const owner of [acme, gone])
    await platform((tx) =>
      recordUsage(tx, [
        used(owner, '2026-10-12T10:00:00.000Z', 60),
        used(owner, '2026-10-12T10:00:00.000Z', 30, { kind: 'voice.detection' }),
        used(owner, '2026-10-12T10:00:00.000Z', 60, { kind: 'voice.port' }),
      ]),
    )
  await platform((tx) => sql`update account set until = '2026-10-20T00:00:00Z' where subscriber_id = ${uuidOf(gone)}`.execute(tx))
  const bill = (owner: Id<'sub'>, period: string) =>
    runBills(booksIn(store), { period, subscriber: owner, ...now('2027-02-01T00:00:00Z') })
  for (let i = 0; i < 2; i++) {
    const { invoices, unrated } = await bill(acme, '2026-10')
    assert.deepEqual(
      invoices.flatMap(({ lines }) => lines.map(({ rate }) => rate)),
      [undefined, 'trunk.in'],
    )
    assert.deepEqual(unrated, [{ subscriber: acme, plan: 'older', kind: 'voice.detection', leases: 1, billableMs: 30_000 }])
  }
  // Who is gone gets no empty bills month after month meanwhile.
  assert.deepEqual(
    (await bill(gone, '2026-12')).invoices.map(({ period }) => period),
    ['2026-10'],
  )
  const unpriced = await platform((tx) => plansWithoutPrice(tx, 'standard'))
  assert.deepEqual(unpriced.find(({ plan }) => plan === 'older')?.kinds, ['voice.detection'])
  const other = [{ ...standardPlan.rates[0]!, title: 'Dearer' }]
  await assert.rejects(
    platform((tx) => addToPlan(tx, 'older', { rates: other, free: [] }, new Date())),
    (e) => e instanceof TielineError && e.verdict.code === 'plan-priced',
  )
  for (let i = 0; i < 2; i++) await platform((tx) => addToPlan(tx, 'older', { rates: detection, free: [] }, new Date()))
  assert.equal(
    (await platform((tx) => addPlan(tx, older, new Date()))).rates.length,
    standardPlan.rates.length,
    'the same plan still',
  )
  for (const owner of [acme, gone]) {
    const runs = [await bill(owner, '2026-12'), await bill(owner, '2026-12')]
    assert.deepEqual(
      runs.flatMap(({ unrated }) => unrated),
      [],
    )
    const all = (await platform((tx) => listInvoices(tx, { subscriber: owner, limit: 10 }))).items
    const late = all.flatMap(({ period, lines }) =>
      lines.filter((line) => line.kind === 'voice.detection').map((line) => [period, line.adjusts, line.amount]),
    )
    assert.deepEqual(late, [['2026-11', '2026-10', '0.004']])
  }
})

test('the standard plan is there; a plan never changes under its name', async () => {
  assert((await platform((tx) => listPlans(tx))).some((plan) => plan.name === 'standard'))
  assert.deepEqual(await platform((tx) => addPlan(tx, standardPlan, new Date())), standardPlan, 'the same again is no change')
  await assert.rejects(
    platform((tx) => addPlan(tx, { ...standardPlan, title: 'Other' }, new Date())),
    (e) => e instanceof TielineError && e.verdict.code === 'plan-exists',
  )
})

test("a subscriber's own transaction sees its usage and bills, and no one else's", async () => {
  const acme = await subscriber('UTC', '2026-10-01T00:00:00Z', 'standard')
  const globex = await subscriber('UTC', '2026-10-01T00:00:00Z', 'standard')
  await platform((tx) =>
    recordUsage(
      tx,
      [acme, globex].map((id) => used(id, '2026-10-12T10:00:00.000Z', 60)),
    ),
  )
  for (const id of [acme, globex]) {
    await runBills(booksIn(store), { period: '2026-10', subscriber: id, ...now('2026-11-02T00:00:00Z') })
  }
  const [theirs] = (await platform((tx) => listInvoices(tx, { subscriber: globex, limit: 10 }))).items
  await store.transaction(acme, async (tx) => {
    assert.deepEqual(
      (await listInvoices(tx, { limit: 10 })).items.map((i) => i.subscriber),
      [acme],
    )
    assert.deepEqual((await listUsage(tx, globex, { limit: 10 })).items, [])
    assert.equal((await listUsage(tx, acme, { limit: 10 })).items.length, 1)
    assert.deepEqual(await listEntries(tx, theirs!.id), [])
    await assert.rejects(findInvoice(tx, theirs!.id), (e) => e instanceof TielineError && e.verdict.http === 404)
  })
  await assert.rejects(store.transaction(acme, (tx) => sql`delete from usage`.execute(tx)))
})
