import { readdir, readFile } from 'node:fs/promises'
import { type Kysely, sql } from 'kysely'
import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration'

import type { Database } from './database.ts'

const DIRECTORY = new URL('./migrations/', import.meta.url)

/** Files whose number another one has, by an oversight that databases in the world have kept: their names may not change any more. */
const SECONDS: ReadonlySet<string> = new Set(['0002_billing', '0016_trunk-choice'])

/**
 * Runs the numbered files of `migrations/` in order, each once, all in one transaction under an advisory lock. A file is
 * `NNNN_name.sql`, or `NNNN_name.ts` with an exported `up(db)`. What a database lacks is run, also where it has something later:
 * of the two that are numbered 0016 and don't know each other, releases had the second one first.
 */
export async function migrate(db: Kysely<Database>): Promise<void> {
  const migrator = new Migrator({
    db: db as unknown as Kysely<unknown>,
    provider,
    migrationTableName: 'migration',
    migrationLockTableName: 'migration_lock',
    allowUnorderedMigrations: true,
  })
  const { error } = await migrator.migrateToLatest()
  if (error) throw error
}

/** All files, by name. Rejects where two have the same number. */
export const provider: MigrationProvider = {
  async getMigrations() {
    const migrations: Record<string, Migration> = {}
    const numbers = new Set<string>()
    for (const file of (await readdir(DIRECTORY)).sort()) {
      const [, name, extension] = /^(\d{4}_[a-z0-9-]+)\.(sql|ts)$/.exec(file) ?? []
      if (!name) continue
      const number = name.slice(0, 4)
      if (migrations[name]) throw new Error(`two migrations are called ${name}`)
      if (numbers.has(number) && !SECONDS.has(name)) throw new Error(`two migrations have the number ${number}`)
      numbers.add(number)
      migrations[name] = extension === 'sql' ? await sqlMigration(file) : await import(new URL(file, DIRECTORY).href)
    }
    return migrations
  },
}

async function sqlMigration(file: string): Promise<Migration> {
  const text = await readFile(new URL(file, DIRECTORY), 'utf8')
  return { up: async (db) => void (await sql.raw(text).execute(db)) }
}
