import { type Kysely, sql } from 'kysely'
import { STANDARD_CLASSES } from '#platform/toll/index.ts'

/**
 * Which numbers outside cost alike, and what each subscriber may call. An installation that serves already goes on placing all that it
 * has placed until its operator says otherwise.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table toll_class (
    name text primary key,
    title text not null,
    prefixes text[] not null,
    policy text not null check (policy in ('allowed', 'denied'))
  )`.execute(db)
  await sql`alter table subscriber add column toll jsonb`.execute(db)
  for (const { name, title, prefixes, policy } of STANDARD_CLASSES)
    await sql`insert into toll_class (name, title, prefixes, policy) values (${name}, ${title}, ${prefixes},
      case when exists (select from subscriber) then 'allowed' else ${policy} end)`.execute(db)
}
