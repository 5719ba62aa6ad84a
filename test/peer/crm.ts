import pg from 'pg'
import { startPostgres } from './postgres.ts'

export interface Customer {
  phone: string
  name: string
  /** The extension of whoever looks after this customer. */
  extension: string
  /** What is special about this customer, for the office's agent. */
  action?: string
}

/** The office's customer database: a real PostgreSQL on the office's own network. */
export interface Crm extends AsyncDisposable {
  /** Executes SQL as its administrator. */
  query(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>
}

export async function startCrm(address: string, customers: Customer[]): Promise<Crm> {
  const server = await startPostgres({ listen: address })
  const pool = new pg.Pool({ connectionString: await server.createDatabase('crm'), max: 2 })
  pool.on('error', () => {})
  await pool.query("create role crm login password 'crm'")
  await pool.query('create table customers (phone text primary key, name text not null, extension text not null, action text)')
  await pool.query('grant select on customers to crm')
  for (const { phone, name, extension, action } of customers)
    await pool.query('insert into customers values ($1, $2, $3, $4)', [phone, name, extension, action ?? null])
  return {
    async query(text, values) {
      return (await pool.query(text, values)).rows
    },
    async [Symbol.asyncDispose]() {
      await pool.end()
      await server.stop()
    },
  }
}
