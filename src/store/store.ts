import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely'
import pg from 'pg'
import { type Id, type Log, uuidOf } from '#lib/index.ts'
import type { Database } from './database.ts'
import { away, isAway, storeError } from './error.ts'
import { migrate } from './migrate.ts'

export type Tx = Transaction<Database>

/** For whom a transaction is: the platform itself and its operator, or one subscriber. */
export type Scope = 'platform' | Id<'sub'>

/**
 * The connection to PostgreSQL. Nothing is read or written outside a transaction of one scope; a subscriber's runs as
 * `tieline_api` with `app.subscriber` set, so that row-level security holds it however the query is written.
 */
export class Store implements AsyncDisposable {
  readonly db: Kysely<Database>
  #ready = false
  #reachable = false

  constructor({ databaseUrl, log, connections = 10 }: { databaseUrl: string; log: Log; connections?: number }) {
    const pool = new pg.Pool({
      connectionString: databaseUrl,
      max: connections,
      connectionTimeoutMillis: 3000,
      idleTimeoutMillis: 30_000,
      statement_timeout: 15_000,
      application_name: 'tieline-control',
    })
    // A connection that is lost while it is idle tells the pool, one that is in use only itself; unheard, either would end
    // the process (PITFALLS O08).
    pool.on('error', (error) => log.warn({ err: error.message }, 'an idle connection to the database was lost'))
    pool.on('connect', (client) => client.on('error', (error) => log.debug({ err: error.message }, 'a connection was lost')))
    this.db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
  }

  /** Brings the tables up to date; idempotent. Rejects with `database-away` or with what is wrong. */
  async migrate(): Promise<void> {
    await migrate(this.db).catch((error) => {
      throw storeError(error)
    })
    this.#ready = true
    this.#reachable = true
  }

  /** Whether the last thing that was asked of the database was heard. */
  get reachable(): boolean {
    return this.#reachable
  }

  /** Runs `work` in one transaction; rejects with the domain's errors. */
  async transaction<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> {
    if (!this.#ready) throw away('The database is not ready yet. Try again soon.')
    try {
      const result = await this.db.transaction().execute(async (tx) => {
        // Set for this transaction alone: the next one on the same connection starts without any.
        if (scope !== 'platform') {
          await sql`select set_config('app.subscriber', ${uuidOf(scope)}, true)`.execute(tx)
          await sql`set local role tieline_api`.execute(tx)
        }
        return await work(tx)
      })
      this.#reachable = true
      return result
    } catch (error) {
      this.#reachable = !isAway(error)
      throw storeError(error)
    }
  }

  async close(): Promise<void> {
    await this.db.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** A value for a jsonb column: pg itself would write an array as an array of PostgreSQL. */
export function json<T>(value: T) {
  return sql<T>`${value === null ? null : JSON.stringify(value)}::jsonb`
}
