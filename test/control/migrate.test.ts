import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Kysely, sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { silentLog } from '#lib/index.ts'
import { Store } from '#store/index.ts'
import { provider } from '../../src/store/migrate.ts'
import { startPostgres, type TestPostgres } from '../peer/postgres.ts'

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres?.stop())

const names = ({ db }: Store) =>
  sql<{ name: string }>`select name from migration order by name collate "C"`
    .execute(db)
    .then(({ rows }) => rows.map((r) => r.name))
const tables = ({ db }: Store) =>
  sql`select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns
    where table_schema = 'public' and table_name <> 'migration' order by 1, 2`.execute(db)

/** A database as a release has left it that had these migrations, one after the other. */
async function databaseWith(name: string, ...releases: ((migration: string) => boolean)[]): Promise<Store> {
  const store = new Store({ databaseUrl: await postgres.createDatabase(name), log: silentLog })
  for (const had of releases) {
    const all = Object.entries(await provider.getMigrations())
    const { error } = await new Migrator({
      db: store.db as unknown as Kysely<unknown>,
      provider: { getMigrations: async () => Object.fromEntries(all.filter(([one]) => had(one))) },
      migrationTableName: 'migration',
      migrationLockTableName: 'migration_lock',
    }).migrateToLatest()
    assert.equal(error, undefined)
  }
  return store
}

test('a database that has the second of the two migrations numbered 0016, or both, comes up to date like a new one', async () => {
  await using fresh = await databaseWith('fresh')
  await fresh.migrate()
  const before = (one: string) => one < '0016'
  const second = (one: string) => before(one) || one === '0016_trunk-choice'
  const both = (one: string) => one < '0017'
  for (const [name, releases] of Object.entries({
    had_second: [second],
    had_first: [(one: string) => both(one) && !/trunk/.test(one)],
    had_both: [both],
  })) {
    await using store = await databaseWith(name, ...releases)
    await store.migrate()
    await store.migrate()
    assert.deepEqual(await names(store), await names(fresh), name)
    assert.deepEqual((await tables(store)).rows, (await tables(fresh)).rows, name)
  }
})
