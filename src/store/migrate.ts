import { readdir, readFile } from 'node:fs/promises'
import { type Kysely, sql } from 'kysely'
import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration'

import type { Database } from './database.ts'

const DIRECTORY = new URL('./migrations/', import.meta.url)

/**
 * Runs the numbered files of `migrations/` in order, each once, all in one transaction under an advisory lock. A file is
 * `NNNN_name.sql`, or `NNNN_name.ts` with an exported `up(db)`.
 */
export async function migrate(db: Kysely<Database>): Promise<void> {
  const migrator = new Migrator({
    db: db as unknown as Kysely<unknown>,
    provider,
    migrationTableName: 'migration',
    migrationLockTableName: 'migration_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error) throw error
}

const provider: MigrationProvider = {
  async getMigrations() {
    const migrations: Record<string, Migration> = {}
    for (const file of (await readdir(DIRECTORY)).sort()) {
      const [, name, extension] = /^(\d{4}_[a-z0-9-]+)\.(sql|ts)$/.exec(file) ?? []
      if (!name) continue
      if (migrations[name]) throw new Error(`two migrations are called ${name}`)
      migrations[name] = extension === 'sql' ? await sqlMigration(file) : await import(new URL(file, DIRECTORY).href)
    }
    return migrations
  },
}

async function sqlMigration(file: string): Promise<Migration> {
  const text = await readFile(new URL(file, DIRECTORY), 'utf8')
  return { up: async (db) => void (await sql.raw(text).execute(db)) }
}
