import { isDeepStrictEqual } from 'node:util'
import { TielineError } from '#lib/index.ts'
import { checkPlan, type Plan } from '#platform/billing/index.ts'
import { billing } from './billing-tables.ts'
import { notFound } from './error.ts'
import { json, type Tx } from './store.ts'

/** Adds a plan. The same plan again changes nothing; another of its name rejects with `plan-exists`. */
export async function addPlan(tx: Tx, plan: Plan, now: Date): Promise<Plan> {
  checkPlan(plan)
  await billing(tx)
    .insertInto('plan')
    .values({ name: plan.name, definition: json(plan) as never, created_at: now })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const kept = await findPlan(tx, plan.name)
  if (isDeepStrictEqual(kept, plan)) return kept
  throw new TielineError(
    'a plan never changes: give the new one another name',
    { code: 'plan-exists', fault: 'caller', retry: false, http: 409 },
    { plan: plan.name },
  )
}

export async function listPlans(tx: Tx): Promise<Plan[]> {
  const rows = await billing(tx).selectFrom('plan').select('definition').orderBy('name').execute()
  return rows.map(({ definition }) => definition)
}

/** Rejects with `not-found`. */
export async function findPlan(tx: Tx, name: string): Promise<Plan> {
  const row = await billing(tx).selectFrom('plan').select('definition').where('name', '=', name).executeTakeFirst()
  if (!row) throw notFound('plan')
  return row.definition
}
