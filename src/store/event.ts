import type { Selectable } from 'kysely'
import { sql } from 'kysely'
import { type Id, idOf, uuidOf } from '#lib/index.ts'
import type { EventPage, EventQuery } from '#platform/cti/index.ts'
import type { PlatformEvent } from '#platform/words/index.ts'
import type { Database } from './database.ts'
import type { Tx } from './store.ts'

/** Takes events in, each once however often it comes. Those of subscribers that are gone are dropped with them. */
export async function takeEvents(tx: Tx, events: PlatformEvent[]): Promise<void> {
  if (events.length === 0) return
  const rows = events.map((event) => ({
    subscriber_id: uuidOf(event.subscriber),
    id: uuidOf(event.id),
    number: event.number,
    at: event.at,
    type: event.type,
    call: event.call ? uuidOf(event.call) : null,
    leg: event.leg ? uuidOf(event.leg) : null,
    cause: event.cause ?? null,
    data: event.data,
  }))
  await sql`
    insert into event (subscriber_id, id, number, at, type, call, leg, cause, data)
    select subscriber_id, new.id, number, at, type, call, leg, cause, data
    from rows from (jsonb_to_recordset(${JSON.stringify(rows, storable)}::jsonb)
      as (subscriber_id uuid, id uuid, number bigint, at timestamptz, type text, call uuid, leg uuid, cause jsonb, data jsonb)
    ) with ordinality as new (subscriber_id, id, number, at, type, call, leg, cause, data, n)
    where exists (select from subscriber where subscriber.id = new.subscriber_id)
    order by n
    on conflict do nothing`.execute(tx)
}

/** What a caller sends may hold what jsonb cannot: NUL, and halves of surrogate pairs. It must not stop the journal. */
function storable(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.replaceAll('\0', '\uFFFD').toWellFormed() : value
}

/**
 * A page of events in order. For one subscriber the cursor is the event's own number, for the operator's stream of all
 * it is the position at which it was taken in.
 */
export async function listEvents(tx: Tx, query: EventQuery): Promise<EventPage> {
  const cursor = query.subscriber ? 'number' : 'position'
  let rows = tx
    .selectFrom('event')
    .selectAll()
    .orderBy(cursor, query.newestFirst ? 'desc' : 'asc')
    .limit(query.limit + 1)
  if (query.subscriber) rows = rows.where('subscriber_id', '=', uuidOf(query.subscriber))
  if (query.call) rows = rows.where('call', '=', uuidOf(query.call))
  if (query.after !== undefined) rows = rows.where(cursor, '>', query.after as never)
  const found = await rows.execute()
  const page = found.slice(0, query.limit)
  const last = page.at(-1)
  const events = { items: page.map(eventOf), cursors: page.map((row) => String(row[cursor])) }
  return found.length > query.limit && last && !query.newestFirst ? { ...events, next: String(last[cursor]) } : events
}

/** What a reader that has seen everything until now goes on from. */
export async function newestEvent(tx: Tx, subscriber?: Id<'sub'>): Promise<string> {
  const cursor = subscriber ? 'number' : 'position'
  const query = tx.selectFrom('event').select((eb) => eb.fn.max(cursor).as('newest'))
  const row = await (subscriber ? query.where('subscriber_id', '=', uuidOf(subscriber)) : query).executeTakeFirst()
  return String(row?.newest ?? 0)
}

function eventOf(row: Selectable<Database['event']>): PlatformEvent {
  return {
    id: idOf('evt', row.id),
    subscriber: idOf('sub', row.subscriber_id),
    number: Number(row.number),
    at: row.at.toISOString(),
    type: row.type as PlatformEvent['type'],
    ...(row.call ? { call: idOf('call', row.call) } : {}),
    ...(row.leg ? { leg: idOf('leg', row.leg) } : {}),
    ...(row.cause ? { cause: row.cause as NonNullable<PlatformEvent['cause']> } : {}),
    data: row.data as Record<string, unknown>,
  }
}

/** How far a node's journal has been taken in; 0 before the first. */
export async function shippedPosition(tx: Tx, node: string): Promise<number> {
  const row = await tx.selectFrom('shipped').select('position').where('node', '=', node).executeTakeFirst()
  return Number(row?.position ?? 0)
}

export async function setShippedPosition(tx: Tx, node: string, position: number): Promise<void> {
  await tx
    .insertInto('shipped')
    .values({ node, position })
    .onConflict((conflict) => conflict.column('node').doUpdateSet({ position }))
    .execute()
}
