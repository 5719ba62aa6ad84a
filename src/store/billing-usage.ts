import { type Insertable, type Selectable, sql } from 'kysely'
import { type Id, idOf, uuidOf } from '#lib/index.ts'
import { type UsageQuery, type UsageSink, usageOf } from '#platform/usage/index.ts'
import type { Kind, UsageRecord } from '#platform/words/index.ts'
import { chargeUsage } from './billing-balance.ts'
import { type BillingTables, billing } from './billing-tables.ts'
import { json, type Store, type Tx } from './store.ts'

/** PostgreSQL takes 65,535 parameters in one statement. */
const AT_ONCE = 1000

/** Takes the journal's entries of a node in: what control's shipper writes to. Says whose balance has been charged. */
export function usageSink(
  store: Store,
  node: string,
  onCharged: (subscribers: readonly Id<'sub'>[]) => void = () => {},
): UsageSink {
  return {
    async take(entries) {
      const usage = usageOf(entries)
      const position = entries.at(-1)?.position
      if (usage.length === 0 || position === undefined) return
      const charged = await store.transaction('platform', async (tx) => {
        const paying = await chargeUsage(tx, await addUsage(tx, usage), position)
        await billing(tx)
          .insertInto('usage_taken')
          .values({ node, position })
          .onConflict((conflict) => conflict.column('node').doUpdateSet({ position }))
          .execute()
        return paying
      })
      if (charged.length > 0) onCharged(charged)
    },
  }
}

/** All that was released behind this position of the node's journal is not in usage yet. */
export async function usagePosition(tx: Tx, node: string): Promise<number> {
  const row = await billing(tx).selectFrom('usage_taken').select('position').where('node', '=', node).executeTakeFirst()
  return Number(row?.position ?? 0)
}

/** Usage of one kind, released from then on, in whatever order. */
export async function usageFrom(tx: Tx, subscriber: Id<'sub'>, kind: Kind, from: Date): Promise<UsageRecord[]> {
  const rows = await billing(tx)
    .selectFrom('usage')
    .selectAll()
    .where('subscriber_id', '=', uuidOf(subscriber))
    .where('kind', '=', kind)
    .where('released_at', '>=', from)
    .execute()
  return rows.map(recordOf)
}

/** Keeps usage; a lease that is there already is passed over (PITFALLS B02, B03). Answers with how many were new. */
export async function recordUsage(tx: Tx, usage: readonly UsageRecord[]): Promise<number> {
  const added = await addUsage(tx, usage)
  await chargeUsage(tx, added)
  return added.length
}

/** Answers with what was not there. */
async function addUsage(tx: Tx, usage: readonly UsageRecord[]): Promise<UsageRecord[]> {
  const added = new Set<string>()
  for (let i = 0; i < usage.length; i += AT_ONCE) {
    const rows = await billing(tx)
      .insertInto('usage')
      .values(usage.slice(i, i + AT_ONCE).map(rowOf))
      .onConflict((conflict) => conflict.doNothing())
      .returning('lease')
      .execute()
    for (const { lease } of rows) added.add(idOf('lse', lease))
  }
  return usage.filter(({ lease }) => added.has(lease))
}

/** A page of a subscriber's usage in the order of its leases, which is that in which they were taken. */
export async function listUsage(
  tx: Tx,
  subscriber: Id<'sub'>,
  query: UsageQuery,
): Promise<{ items: UsageRecord[]; next?: Id<'lse'> }> {
  let select = billing(tx).selectFrom('usage').selectAll().where('subscriber_id', '=', uuidOf(subscriber))
  if (query.from) select = select.where('released_at', '>=', new Date(query.from))
  if (query.to) select = select.where('released_at', '<', new Date(query.to))
  if (query.kind) select = select.where('kind', '=', query.kind)
  if (query.call) select = select.where('call', '=', uuidOf(query.call))
  if (query.review !== undefined) select = select.where('review', '=', query.review)
  if (query.after) select = select.where('lease', '>', uuidOf(query.after))
  const rows = await select
    .orderBy('lease')
    .limit(query.limit + 1)
    .execute()
  const items = rows.slice(0, query.limit).map(recordOf)
  const last = items.at(-1)
  return rows.length > query.limit && last ? { items, next: last.lease } : { items }
}

/** Usage that no closed invoice has settled, released before `to`. */
export async function openUsage(tx: Tx, subscriber: Id<'sub'>, to: Date): Promise<UsageRecord[]> {
  const rows = await billing(tx)
    .selectFrom('usage')
    .selectAll()
    .where('subscriber_id', '=', uuidOf(subscriber))
    .where('invoice', 'is', null)
    .where('released_at', '<', to)
    .orderBy('lease')
    .execute()
  return rows.map(recordOf)
}

/** Marks usage as settled by a closed invoice. */
export async function settleUsage(
  tx: Tx,
  subscriber: Id<'sub'>,
  invoice: Id<'inv'>,
  leases: readonly Id<'lse'>[],
): Promise<void> {
  await sql`update usage set invoice = ${uuidOf(invoice)}
    where subscriber_id = ${uuidOf(subscriber)} and lease = any(${leases.map(uuidOf)}::uuid[])`.execute(tx)
}

function rowOf(usage: UsageRecord): Insertable<BillingTables['usage']> {
  return {
    subscriber_id: uuidOf(usage.subscriber),
    lease: uuidOf(usage.lease),
    kind: usage.kind,
    count: usage.count,
    call: usage.call ? uuidOf(usage.call) : null,
    agent: usage.agent ? uuidOf(usage.agent) : null,
    leg: usage.leg ? uuidOf(usage.leg) : null,
    taken_at: new Date(usage.takenAt),
    answered_at: usage.answeredAt ? new Date(usage.answeredAt) : null,
    released_at: new Date(usage.releasedAt),
    billable_ms: usage.billableMs,
    reason: usage.reason,
    detail: json(usage.detail) as never,
    review: usage.review,
    invoice: null,
  }
}

function recordOf(row: Selectable<BillingTables['usage']>): UsageRecord {
  return {
    lease: idOf('lse', row.lease),
    subscriber: idOf('sub', row.subscriber_id),
    kind: row.kind,
    count: row.count,
    ...(row.call ? { call: idOf('call', row.call) } : {}),
    ...(row.agent ? { agent: idOf('agt', row.agent) } : {}),
    ...(row.leg ? { leg: idOf('leg', row.leg) } : {}),
    takenAt: row.taken_at.toISOString(),
    answeredAt: row.answered_at?.toISOString() ?? null,
    releasedAt: row.released_at.toISOString(),
    billableMs: Number(row.billable_ms),
    reason: row.reason,
    detail: row.detail,
    review: row.review,
  }
}
