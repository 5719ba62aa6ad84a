import { isDeepStrictEqual } from 'node:util'
import { sql } from 'kysely'
import { TielineError } from '#lib/index.ts'
import { type Addition, added, checkPlan, complete, holds, missing, type Plan } from '#platform/billing/index.ts'
import { billing } from './billing-tables.ts'
import { notFound } from './error.ts'
import { json, type Tx } from './store.ts'

/** Adds a plan. The same plan again changes nothing, also where it has been added to; another of its name rejects with `plan-exists`. */
export async function addPlan(tx: Tx, plan: Plan, now: Date): Promise<Plan> {
  checkPlan(plan)
  await billing(tx)
    .insertInto('plan')
    .values({ name: plan.name, definition: json(complete(plan)) as never, created_at: now })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const kept = await findPlan(tx, plan.name)
  if (holds(kept, plan)) return kept
  throw new TielineError(
    'a plan never changes: give the new one another name',
    { code: 'plan-exists', fault: 'caller', retry: false, http: 409 },
    { plan: plan.name },
  )
}

/** Adds prices to a plan, for kinds of which it says nothing. Rejects with `not-found`, `plan-priced`, `invalid-plan`. */
export async function addToPlan(tx: Tx, name: string, addition: Addition, now: Date): Promise<Plan> {
  await billing(tx).selectFrom('plan').select('name').where('name', '=', name).forUpdate().execute()
  const plan = await findPlan(tx, name)
  const whole = added(plan, addition)
  if (isDeepStrictEqual(whole, plan)) return plan
  await billing(tx)
    .insertInto('plan_addition')
    .values({ plan: name, definition: json(addition) as never, created_at: now })
    .execute()
  return whole
}

/** The plans that somebody is billed by now and that say nothing of a kind, with those kinds. */
export async function plansWithoutPrice(tx: Tx, standard: string): Promise<{ plan: string; kinds: string[] }[]> {
  const { rows } = await sql<{ name: string }>`select distinct coalesce((select p.plan from account_plan p
      where p.subscriber_id = a.subscriber_id order by p.since desc limit 1), ${standard}) as name
    from account a where a.until is null`.execute(tx)
  const used = new Set(rows.map(({ name }) => name))
  return (await listPlans(tx)).flatMap((plan) => {
    const kinds = used.has(plan.name) ? missing(plan) : []
    return kinds.length > 0 ? [{ plan: plan.name, kinds }] : []
  })
}

export async function listPlans(tx: Tx): Promise<Plan[]> {
  const rows = await billing(tx).selectFrom('plan').select('definition').orderBy('name').execute()
  const additions = await billing(tx).selectFrom('plan_addition').select(['plan', 'definition']).orderBy('id').execute()
  return rows.map(({ definition }) =>
    whole(
      definition,
      additions.filter(({ plan }) => plan === definition.name),
    ),
  )
}

export async function hasPlan(tx: Tx, name: string): Promise<boolean> {
  const rows = await billing(tx).selectFrom('plan').select('name').where('name', '=', name).execute()
  return rows.length > 0
}

/** Rejects with `not-found`. */
export async function findPlan(tx: Tx, name: string): Promise<Plan> {
  const row = await billing(tx).selectFrom('plan').select('definition').where('name', '=', name).executeTakeFirst()
  if (!row) throw notFound('plan')
  const additions = billing(tx).selectFrom('plan_addition').select('definition').where('plan', '=', name).orderBy('id')
  return whole(row.definition, await additions.execute())
}

/** With what has been added to it. */
function whole(plan: Plan, additions: readonly { definition: Addition }[]): Plan {
  return additions.reduce((sum, { definition }) => added(sum, definition), plan)
}
