import { type Kysely, sql } from 'kysely'
import { checkPlan, standardPlan } from '#platform/billing/index.ts'

/** The plan that is there from the beginning. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const definition = JSON.stringify(checkPlan(standardPlan))
  await sql`insert into plan (name, definition, created_at) values (${standardPlan.name}, ${definition}::jsonb, now())`.execute(
    db,
  )
}
