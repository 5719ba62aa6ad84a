import { sql } from 'kysely'
import { type Id, idOf, TielineError, uuidOf } from '#lib/index.ts'
import { type Allocation, type Capacity, KINDS, type Kind } from '#platform/words/index.ts'
import type { Tx } from './store.ts'

/**
 * Sets these kinds of a subscriber. Rejects with `capacity-exceeded` when the guarantees of all no longer fit, with `kind-unknown`
 * where neither the platform nor the node knows of such a kind.
 */
export async function setAllocations(tx: Tx, node: string, id: Id<'sub'>, allocations: Allocation[]): Promise<void> {
  for (const { kind, guaranteed, ceiling } of allocations) {
    await tx
      .insertInto('allocation')
      .values({ subscriber_id: uuidOf(id), kind, guaranteed, ceiling })
      .onConflict((conflict) => conflict.columns(['subscriber_id', 'kind']).doUpdateSet({ guaranteed, ceiling }))
      .execute()
  }
  for (const kind of allocations.map((a) => a.kind).sort()) await checkFit(tx, node, kind, id)
}

export async function removeAllocation(tx: Tx, id: Id<'sub'>, kind: Kind): Promise<void> {
  await tx.deleteFrom('allocation').where('subscriber_id', '=', uuidOf(id)).where('kind', '=', kind).execute()
}

/** Sets how much of a kind the node has. Rejects with `capacity-exceeded` when less than is guaranteed. */
export async function setCapacity(tx: Tx, node: string, { kind, capacity }: Capacity): Promise<void> {
  await tx
    .insertInto('capacity')
    .values({ node, kind, capacity })
    .onConflict((conflict) => conflict.columns(['node', 'kind']).doUpdateSet({ capacity }))
    .execute()
  await checkFit(tx, node, kind)
}

/** What the configuration says at the first start; later the database is right. */
export async function seedCapacities(tx: Tx, node: string, capacities: Capacity[]): Promise<void> {
  if (capacities.length === 0) return
  await tx
    .insertInto('capacity')
    .values(capacities.map((capacity) => ({ node, ...capacity })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function listCapacities(tx: Tx, node: string): Promise<Capacity[]> {
  const rows = await tx.selectFrom('capacity').select(['kind', 'capacity']).where('node', '=', node).orderBy('kind').execute()
  return rows.map(({ kind, capacity }) => ({ kind, capacity: Number(capacity) }))
}

/** The sum of guarantees fits the capacity. The capacity's row is locked, so that two changes at once cannot both fit. */
async function checkFit(tx: Tx, node: string, kind: Kind, asking?: Id<'sub'>): Promise<void> {
  const row = await tx
    .selectFrom('capacity')
    .select('capacity')
    .where('node', '=', node)
    .where('kind', '=', kind)
    .forUpdate()
    .executeTakeFirst()
  const capacity = Number(row?.capacity ?? 0)
  const { rows } = await sql<{
    sum: string
  }>`select coalesce(sum(guaranteed), 0) as sum from allocation where kind = ${kind}`.execute(tx)
  const guaranteed = Number(rows[0]?.sum ?? 0)
  if (!row && !KINDS.some((known) => known.kind === kind)) {
    throw new TielineError(
      `There is no kind ${kind}: the node has none of it.`,
      { code: 'kind-unknown', fault: 'caller', retry: false, http: 404 },
      { kind },
    )
  }
  if (guaranteed <= capacity) return
  throw new TielineError(
    row
      ? `The guarantees of all subscribers for ${kind} would be ${guaranteed}, but the node has ${capacity}.`
      : `The node has no capacity for ${kind}: set it before it is guaranteed.`,
    { code: 'capacity-exceeded', fault: 'caller', retry: false, http: 409 },
    { kind, guaranteed, capacity, holders: await guaranteedTo(tx, kind, asking) },
  )
}

/** To which others most is guaranteed, at most twenty. */
async function guaranteedTo(tx: Tx, kind: Kind, asking?: Id<'sub'>): Promise<{ subscriber: Id<'sub'>; guaranteed: number }[]> {
  let others = tx
    .selectFrom('allocation')
    .select(['subscriber_id', 'guaranteed'])
    .where('kind', '=', kind)
    .where('guaranteed', '>', '0')
    .orderBy('guaranteed', 'desc')
    .orderBy('subscriber_id')
    .limit(20)
  if (asking) others = others.where('subscriber_id', '!=', uuidOf(asking))
  return (await others.execute()).map((row) => ({
    subscriber: idOf('sub', row.subscriber_id),
    guaranteed: Number(row.guaranteed),
  }))
}
