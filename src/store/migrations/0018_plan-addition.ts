import { type Kysely, sql } from 'kysely'
import { standardPlan } from '#platform/billing/index.ts'

/** The kinds that there were when the first plans could be made: of these a plan without a rate meant that they cost nothing. */
const FIRST = [
  ...['trunk.in', 'trunk.out', 'channel.leg', 'voice.relay', 'voice.prompt', 'voice.record', 'voice.seat', 'voice.speech'],
  ...['voice.recognition', 'voice.port', 'agent.memory'],
]

/** What is added to plans, which themselves never change: prices for kinds of which they say nothing. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table plan_addition (
    id bigint generated always as identity primary key,
    plan text not null references plan,
    definition jsonb not null,
    created_at timestamptz not null
  )`.execute(db)
  await sql`create trigger plan_addition_stays before update or delete on plan_addition for each row execute function refuse_change()`.execute(
    db,
  )
  await sql`grant select on plan_addition to tieline_api`.execute(db)
  await sayWhatIsFree(db)
}

/**
 * Plans say what is free. Those that are there say nothing of kinds that came later: usage of these waits for a price, where until
 * now it cost nothing without a word.
 */
export async function sayWhatIsFree(db: Kysely<unknown>): Promise<void> {
  const standard = standardPlan.free ?? []
  await sql`insert into plan_addition (plan, definition, created_at)
    select name, jsonb_build_object('rates', '[]'::jsonb, 'free', coalesce((
      select jsonb_agg(kind) from unnest(case when name = ${standardPlan.name} then ${standard}::text[] else ${FIRST}::text[] end) kind
      where kind not in (select rate ->> 'kind' from jsonb_array_elements(definition -> 'rates') rate)), '[]')), now()
    from plan where not definition ? 'free'`.execute(db)
}
