import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { runBills } from '#journeys/period/index.ts'
import { type Id, newId, silentLog, systemClock, TurnedClock, uuidOf } from '#lib/index.ts'
import { endOfDay, invoiceBytes, type Plan, standardPlan } from '#platform/billing/index.ts'
import { openJournal } from '#platform/journal/index.ts'
import { AgentMemory, ResourceRegistry } from '#platform/resource/index.ts'
import type { JournalEntry } from '#platform/words/index.ts'
import { addPlan, billingRecords, booksIn, findInvoice, Store, usageSink } from '#store/index.ts'
import { startPostgres, type TestPostgres } from '../peer/postgres.ts'

const ZONE = 'Europe/Brussels'
const memoryRate: Plan['rates'][number] = {
  ...{ ...standardPlan.rates[0]!, kind: 'agent.memory', title: 'Memory of the agent', unit: 'mebibyte-hour', per: 1 },
  tiers: [{ upTo: null, price: '0.001' }],
}
const metered: Plan = { ...standardPlan, name: 'metered', rates: [memoryRate], free: [], recurring: [], taxes: [] }
const ahead: Plan = { ...metered, name: 'ahead', prepaid: true }

let postgres: TestPostgres
let store: Store
before(async () => {
  postgres = await startPostgres()
  store = new Store({ databaseUrl: postgres.url, log: silentLog })
  await store.migrate()
  for (const plan of [metered, ahead]) await platform((tx) => addPlan(tx, plan, new Date()))
})
after(async () => {
  await store.close()
  await postgres.stop()
})

const platform = <T>(work: Parameters<typeof store.transaction<T>>[1]) => store.transaction('platform', work)
let slot = 0

async function subscriber(plan: string): Promise<Id<'sub'>> {
  const id = newId('sub')
  const since = '2026-11-01T00:00:00Z'
  await platform(async (tx) => {
    await sql`insert into subscriber (id, name, slot, state, time_zone, default_route, decision_deadline_ms, memory_mebibytes, cpu_share,
      max_processes, listen, created_at) values (${uuidOf(id)}, ${`s${++slot}`}, ${slot}, 'active', ${ZONE}, '{}', 2000, 256, 1, 64, '{}',
      ${since})`.execute(tx)
    await sql`insert into plan_binding values (${uuidOf(id)}, ${since}, ${plan})`.execute(tx)
  })
  return id
}

/** What the journal tells of 256 MiB that `owner` holds from noon (UTC) of 29 November for three days, in which the switch is killed. */
async function threeDays(owner: Id<'sub'>): Promise<JournalEntry[]> {
  const directory = mkdtempSync(join(tmpdir(), 'tl-memory-'))
  const clock = new TurnedClock(Date.UTC(2026, 10, 29, 12))
  const held = { sandbox: 's1', subscriber: owner, agent: newId('agt'), mebibytes: 256, granted: true }
  const start = async (boot: string) => {
    const journal = await openJournal({ directory, clock, boot, node: 'n1', log: silentLog, reserveBytes: 1024 })
    const registry = new ResourceRegistry({ clock, boot, record: (record) => void journal.append(record) })
    registry.configure({
      capacities: [{ kind: 'agent.memory', capacity: 1024 }],
      subscribers: [{ id: owner, allocations: [{ kind: 'agent.memory', guaranteed: 256, ceiling: 768 }] }],
      trunks: [],
    })
    const memory = new AgentMemory({
      ...{ registry, clock, boot, log: silentLog, record: (record) => void journal.append(record) },
      subscriber: () => ({ timeZone: ZONE, agent: { memoryMebibytes: 256 } }),
      endOfDay: (wall, zone) => endOfDay(new Date(wall), zone).getTime(),
    })
    const left = journal.replay()
    registry.restore(left.leases)
    memory.restore(left)
    return { journal, memory }
  }
  try {
    const first = await start('b1')
    await first.memory.take(held)
    clock.turn(24 * 3_600_000)
    first.memory.close()
    await first.journal.close()
    // It is away at midnight, and the month ends meanwhile.
    clock.turn(24 * 3_600_000)
    const second = await start('b2')
    second.memory.settle([held])
    // A day begins a millisecond before midnight: with another one behind noon, a second more would have begun.
    clock.turn(24 * 3_600_000 - 1)
    second.memory.free('s1', 'replaced')
    await second.journal.sync()
    const entries: JournalEntry[] = []
    for (let at = 0, more = true; more; ) {
      const page = second.journal.read(at, 10_000)
      entries.push(...page.entries)
      at = page.position
      more = page.entries.length > 0
    }
    second.memory.close()
    await second.journal.close()
    return entries
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const bill = async (id: Id<'sub'>, period: string, now: string) => {
  const run = await runBills(booksIn(store), { period, subscriber: id, now: new Date(now), log: silentLog })
  return run.invoices.at(-1)!
}
const linesOf = ({ lines }: Awaited<ReturnType<typeof bill>>) =>
  lines.map(({ type, kind, amount, units, leases }) => [type, kind, amount, units / 3600, leases.length])

test('memory that is held over the end of a month, by a switch that was killed then, is on both bills for its part, and nothing of it twice', async () => {
  const acme = await subscriber('metered')
  const entries = await threeDays(acme)
  const sink = usageSink(store, 'n1')
  for (let i = 0; i < 3; i++) await sink.take(entries)
  const november = await bill(acme, '2026-11', '2026-12-05T08:00:00Z')
  // In Brussels the month ends at 23:00 UTC: 35 hours of November, 37 of December; 256 MiB each.
  assert.deepEqual(linesOf(november), [['usage', 'agent.memory', '8.96', 256 * 35, 2]])
  const kept = await platform((tx) => findInvoice(tx, november.id))
  const again = await bill(acme, '2026-11', '2027-03-01T08:00:00Z')
  assert.equal(invoiceBytes(again), kept.document)
  const december = await bill(acme, '2026-12', '2027-01-05T08:00:00Z')
  assert.deepEqual(linesOf(december), [['usage', 'agent.memory', '9.472', 256 * 37, 2]])
  // Every lease of a line is there, with the agent that held it, and the two bills are the three days.
  const usage = await billingRecords(store, systemClock).listUsage('platform', acme, { limit: 100 })
  const billed = [november, december].flatMap(({ lines }) => lines.flatMap(({ leases }) => leases))
  assert.deepEqual(billed.sort(), usage.items.map(({ lease }) => lease).sort())
  assert.ok(usage.items.every(({ agent, call }) => agent && !call))
  assert.equal(
    usage.items.reduce((sum, { billableMs }) => sum + billableMs, 0),
    72 * 3_600_000 - 1,
  )
})

test('a day of a month that was closed before it came is an adjustment of the next bill', async () => {
  const acme = await subscriber('metered')
  const entries = await threeDays(acme)
  const sink = usageSink(store, 'n1')
  const until = entries.findIndex(({ record }) => record.type === 'lease.released') + 1
  await sink.take(entries.slice(0, until))
  assert.deepEqual(linesOf(await bill(acme, '2026-11', '2026-12-05T08:00:00Z')), [
    ['usage', 'agent.memory', '2.816', 256 * 11, 1],
  ])
  await sink.take(entries)
  assert.deepEqual(linesOf(await bill(acme, '2026-12', '2027-01-05T08:00:00Z')), [
    ['usage', 'agent.memory', '9.472', 256 * 37, 2],
    ['adjustment', 'agent.memory', '6.144', 256 * 24, 1],
  ])
})

test('B09 who pays in advance is charged for each day of memory, once, also beyond what was paid in', async () => {
  const acme = await subscriber('ahead')
  const { topUp, balance } = billingRecords(store, systemClock)
  await topUp(acme, { key: 'one', amount: '10.00', currency: 'EUR' })
  const entries = await threeDays(acme)
  const sink = usageSink(store, 'n1')
  for (let i = 0; i < 2; i++) await sink.take(entries)
  // 72 hours of 256 MiB are 18.432.
  assert.equal((await balance('platform', acme)).micros, 10_000_000n - 18_432_000n)
})
