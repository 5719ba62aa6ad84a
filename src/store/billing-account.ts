import { type Id, uuidOf } from '#lib/index.ts'
import type { Account } from '#platform/billing/index.ts'
import { billing } from './billing-tables.ts'
import { notFound } from './error.ts'
import type { Tx } from './store.ts'

/** Who pays, also after it has been removed. Rejects with `not-found`. */
export async function readAccount(tx: Tx, subscriber: Id<'sub'>): Promise<Account> {
  const id = uuidOf(subscriber)
  const row = await billing(tx).selectFrom('account').selectAll().where('subscriber_id', '=', id).executeTakeFirst()
  if (!row) throw notFound('subscriber')
  const plans = await billing(tx)
    .selectFrom('account_plan')
    .select(['since', 'plan'])
    .where('subscriber_id', '=', id)
    .orderBy('since')
    .execute()
  return { subscriber, name: row.name, timeZone: row.time_zone, since: row.since, until: row.until, plans }
}
