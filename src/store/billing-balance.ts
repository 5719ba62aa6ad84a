import { sql } from 'kysely'
import { type Id, idOf, newId, TielineError, uuidOf } from '#lib/index.ts'
import { type Account, formatMicros, type Plan, parseMicros, planAt, rate, type TopUp } from '#platform/billing/index.ts'
import type { Page } from '#platform/subscriber/index.ts'
import type { UsageRecord } from '#platform/words/index.ts'
import { readAccount } from './billing-account.ts'
import { findPlan } from './billing-plan.ts'
import { billing } from './billing-tables.ts'
import type { Tx } from './store.ts'

/** What is paid in, under the key by which it is known for good. */
export interface PaidIn {
  key: string
  /** Decimals. */
  amount: string
  currency: string
  reference?: string | undefined
}

/** Millionths that the switch, which counts in numbers, knows to the last one: nine thousand million of a currency. */
const MOST = BigInt(Number.MAX_SAFE_INTEGER)

/**
 * Pays in: once for each key, whatever became of the answer, and of the plan since (PITFALLS B03). Rejects with `invalid-amount`,
 * `not-prepaid`, `currency-mixed`, `idempotency-key-reused`.
 */
export async function topUp(tx: Tx, subscriber: Id<'sub'>, paid: PaidIn, now: Date): Promise<TopUp> {
  const micros = parseMicros(paid.amount)
  if (micros <= 0n) throw refused('invalid-amount', 422, 'What is paid in is more than nothing.')
  if (micros > MOST) throw tooMuch()
  if (!(await underKey(tx, subscriber, paid.key))) await payIn(tx, subscriber, paid, now)
  const known = await underKey(tx, subscriber, paid.key)
  const same = known && parseMicros(known.amount) === micros && known.currency === paid.currency
  if (same && known.reference === paid.reference) return known
  throw refused('idempotency-key-reused', 422, 'The Idempotency-Key was used for another top-up.')
}

async function payIn(tx: Tx, subscriber: Id<'sub'>, { key, amount, currency, reference }: PaidIn, now: Date): Promise<void> {
  const micros = parseMicros(amount)
  const plan = await prepaidPlan(tx, await readAccount(tx, subscriber), now)
  if (!plan) throw refused('not-prepaid', 409, 'The plan of this subscriber is not paid in advance.')
  if (plan.currency !== currency) throw refused('currency-mixed', 409, `The balance of this subscriber is in ${plan.currency}.`)
  const { numInsertedOrUpdatedRows } = await billing(tx)
    .insertInto('top_up')
    .values({
      ...{ subscriber_id: uuidOf(subscriber), id: uuidOf(newId('top', now.getTime())), key, currency, at: now },
      ...{ micros: micros.toString(), reference: reference ?? null },
    })
    .onConflict((conflict) => conflict.columns(['subscriber_id', 'key']).doNothing())
    .executeTakeFirst()
  if ((numInsertedOrUpdatedRows ?? 0n) === 0n) return
  // Judged once it is moved, which waits for whoever pays in at the same time; a refusal takes it back.
  if ((await move(tx, subscriber, currency, micros)) > MOST) throw tooMuch()
}

async function underKey(tx: Tx, subscriber: Id<'sub'>, key: string): Promise<TopUp | undefined> {
  const { items } = await topUps(tx, subscriber, { key, limit: 1 })
  return items[0]
}

interface TopUpQuery {
  key?: string
  from?: Date
  to?: Date
  after?: Id<'top'>
  limit: number
}

/** In the order in which they came. */
export async function topUps(tx: Tx, subscriber: Id<'sub'>, query: TopUpQuery): Promise<Page<TopUp>> {
  let select = billing(tx).selectFrom('top_up').selectAll().where('subscriber_id', '=', uuidOf(subscriber))
  if (query.key !== undefined) select = select.where('key', '=', query.key)
  if (query.from) select = select.where('at', '>=', query.from)
  if (query.to) select = select.where('at', '<', query.to)
  if (query.after) select = select.where('id', '>', uuidOf(query.after))
  const rows = await select
    .orderBy('id')
    .limit(query.limit + 1)
    .execute()
  const items = rows.slice(0, query.limit).map((row) => ({
    id: idOf('top', row.id),
    at: row.at.toISOString(),
    amount: formatMicros(BigInt(row.micros)),
    currency: row.currency,
    ...(row.reference === null ? {} : { reference: row.reference }),
  }))
  const last = items.at(-1)
  return rows.length > query.limit && last ? { items, next: last.id } : { items }
}

/** Of one that pays in advance now, or has: millionths. Rejects with `not-prepaid`. */
export async function currentBalance(tx: Tx, subscriber: Id<'sub'>, now: Date): Promise<{ micros: bigint; currency: string }> {
  const known = await balanceOf(tx, subscriber)
  if (known) return known
  const plan = await prepaidPlan(tx, await readAccount(tx, subscriber), now)
  if (!plan) throw refused('not-prepaid', 409, 'The plan of this subscriber is not paid in advance.')
  return { micros: 0n, currency: plan.currency }
}

/** Null where nothing was ever paid in or charged. */
async function balanceOf(tx: Tx, subscriber: Id<'sub'>): Promise<{ micros: bigint; currency: string } | null> {
  const row = await billing(tx)
    .selectFrom('balance')
    .select(['micros', 'currency'])
    .where('subscriber_id', '=', uuidOf(subscriber))
    .executeTakeFirst()
  return row ? { micros: BigInt(row.micros), currency: row.currency } : null
}

/**
 * Charges usage of those who pay in advance, each lease once, and says whose balance it was. `position`: how far the journal is in the
 * usage that there is.
 */
export async function chargeUsage(tx: Tx, usage: readonly UsageRecord[], position?: number): Promise<Id<'sub'>[]> {
  const charged: Id<'sub'>[] = []
  const bySubscriber = Map.groupBy(usage, ({ subscriber }) => subscriber)
  for (const subscriber of await payingAhead(tx, [...bySubscriber.keys()])) {
    const account = await readAccount(tx, subscriber)
    const plans = new Map<string, Plan>()
    const charges: { lease: Id<'lse'>; micros: bigint; currency: string }[] = []
    for (const one of bySubscriber.get(subscriber)!) {
      const name = planAt(account, new Date(one.answeredAt ?? one.takenAt))
      const plan = plans.get(name) ?? (await findPlan(tx, name))
      plans.set(name, plan)
      const rated = plan.prepaid ? rate(one, plan, {}) : null
      if (rated && rated.rating.amount > 0n)
        charges.push({ lease: one.lease, micros: rated.rating.amount, currency: plan.currency })
    }
    if ((await charge(tx, subscriber, charges, position)) > 0) charged.push(subscriber)
  }
  return charged
}

/** Takes these from the balance; a lease that was charged before is passed over. Answers how many were new. */
export async function charge(
  tx: Tx,
  subscriber: Id<'sub'>,
  charges: readonly { lease: Id<'lse'>; micros: bigint; currency: string }[],
  position?: number,
): Promise<number> {
  if (charges.length === 0) return 0
  const added = await billing(tx)
    .insertInto('charge')
    .values(
      charges.map(({ lease, micros, currency }) => ({
        ...{ subscriber_id: uuidOf(subscriber), lease: uuidOf(lease), micros: micros.toString(), currency },
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .returning('micros')
    .execute()
  const sum = added.reduce((all, { micros }) => all + BigInt(micros), 0n)
  if (added.length > 0) await move(tx, subscriber, charges[0]!.currency, -sum, position)
  return added.length
}

/** A currency is chosen once: what is there would else be worth something else. Rejects with `currency-mixed`. */
export async function checkBalanceCurrency(tx: Tx, subscriber: Id<'sub'>, name: string): Promise<void> {
  const known = await balanceOf(tx, subscriber)
  if (!known) return
  const plan = await findPlan(tx, name)
  if (plan.prepaid && plan.currency !== known.currency)
    throw refused('currency-mixed', 409, `The balance of this subscriber is in ${known.currency}.`)
}

/** @returns what there is then */
async function move(tx: Tx, subscriber: Id<'sub'>, currency: string, micros: bigint, position = 0): Promise<bigint> {
  const { rows } = await sql<{ micros: string }>`insert into balance (subscriber_id, currency, micros, position)
    values (${uuidOf(subscriber)}, ${currency}, ${micros.toString()}::bigint, ${position})
    on conflict (subscriber_id) do update set micros = balance.micros + excluded.micros,
      position = greatest(balance.position, excluded.position)
    returning micros`.execute(tx)
  return BigInt(rows[0]!.micros)
}

/** Those of them that have had a plan that is paid in advance. */
async function payingAhead(tx: Tx, subscribers: readonly Id<'sub'>[]): Promise<Id<'sub'>[]> {
  const { rows } = await sql<{
    id: string
  }>`select distinct a.subscriber_id as id from account_plan a join plan p on p.name = a.plan
    where (p.definition ->> 'prepaid')::boolean and a.subscriber_id = any(${subscribers.map(uuidOf)}::uuid[])`.execute(tx)
  return rows.map(({ id }) => idOf('sub', id))
}

async function prepaidPlan(tx: Tx, account: Account, now: Date): Promise<Plan | null> {
  const plan = await findPlan(tx, planAt(account, now))
  return plan.prepaid ? plan : null
}

function tooMuch(): TielineError {
  return refused('invalid-amount', 422, `No balance is more than ${formatMicros(MOST)}.`)
}

function refused(code: string, http: number, sentence: string): TielineError {
  return new TielineError(sentence, { code, fault: 'caller', retry: false, http })
}
