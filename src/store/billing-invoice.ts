import { type Id, idOf, isId, uuidOf } from '#lib/index.ts'
import { type Entry, type Invoice, invoiceBytes, PREPAID, type Statement } from '#platform/billing/index.ts'
import type { Page } from '#platform/subscriber/index.ts'
import { charge } from './billing-balance.ts'
import { billing } from './billing-tables.ts'
import { settleUsage } from './billing-usage.ts'
import { notFound } from './error.ts'
import { json, type Tx } from './store.ts'

/** Writes a draft in place of an earlier one of the same period. */
export async function writeDraft(tx: Tx, invoice: Invoice): Promise<void> {
  await dropDraft(tx, invoice)
  await billing(tx)
    .insertInto('invoice')
    .values({ ...keyOf(invoice), state: 'draft', document: invoiceBytes(invoice), pdf: null, meters: json({}) as never })
    .execute()
}

/** Writes a closed invoice and its entries for good, and settles its usage. */
export async function writeClosed(tx: Tx, statement: Statement, pdf: Uint8Array, leases: readonly Id<'lse'>[]): Promise<void> {
  const { invoice, entries, meters } = statement
  await dropDraft(tx, invoice)
  await billing(tx)
    .insertInto('invoice')
    .values({
      ...keyOf(invoice),
      state: 'closed',
      document: invoiceBytes(invoice),
      pdf: Buffer.from(pdf),
      meters: json(meters) as never,
    })
    .execute()
  await settleUsage(tx, invoice.subscriber, invoice.id, leases)
  // Usage that had no price when it came was not charged then.
  const late = entries.flatMap(({ debit, lease, micros }) =>
    debit === PREPAID && lease ? [{ lease, micros, currency: invoice.currency }] : [],
  )
  for (let i = 0; i < late.length; i += 1000) await charge(tx, invoice.subscriber, late.slice(i, i + 1000))
  for (let i = 0; i < entries.length; i += 1000) {
    await billing(tx)
      .insertInto('entry')
      .values(
        entries.slice(i, i + 1000).map((entry) => ({
          subscriber_id: uuidOf(invoice.subscriber),
          invoice: uuidOf(invoice.id),
          line: entry.line,
          lease: entry.lease && uuidOf(entry.lease),
          debit: entry.debit,
          credit: entry.credit,
          micros: entry.micros.toString(),
          currency: invoice.currency,
        })),
      )
      .execute()
  }
}

async function dropDraft(tx: Tx, invoice: Invoice): Promise<void> {
  await billing(tx)
    .deleteFrom('invoice')
    .where('subscriber_id', '=', uuidOf(invoice.subscriber))
    .where('period', '=', invoice.period)
    .where('state', '=', 'draft')
    .execute()
}

function keyOf(invoice: Invoice) {
  return { subscriber_id: uuidOf(invoice.subscriber), id: uuidOf(invoice.id), period: invoice.period }
}

export interface InvoiceQuery {
  subscriber?: Id<'sub'>
  period?: string
  /** The last invoice of the page before. */
  after?: Id<'inv'>
  limit: number
}

/** Invoices, newest period first: an id begins with the end of its period. */
export async function listInvoices(tx: Tx, query: InvoiceQuery): Promise<Page<Invoice>> {
  let select = billing(tx).selectFrom('invoice').select('document')
  if (query.subscriber) select = select.where('subscriber_id', '=', uuidOf(query.subscriber))
  if (query.period) select = select.where('period', '=', query.period)
  if (query.after) select = select.where('id', '<', uuidOf(query.after))
  const rows = await select
    .orderBy('id', 'desc')
    .limit(query.limit + 1)
    .execute()
  const items = rows.slice(0, query.limit).map(({ document }): Invoice => JSON.parse(document))
  const last = items.at(-1)
  return rows.length > query.limit && last ? { items, next: last.id } : { items }
}

/** An invoice as it was issued: `document` is its bytes as JSON; `pdf` is null for a draft. Rejects with `not-found`. */
export async function findInvoice(tx: Tx, id: string): Promise<{ invoice: Invoice; document: string; pdf: Uint8Array | null }> {
  if (!isId('inv', id)) throw notFound('bill')
  const row = await billing(tx).selectFrom('invoice').select(['document', 'pdf']).where('id', '=', uuidOf(id)).executeTakeFirst()
  if (!row) throw notFound('bill')
  return { invoice: JSON.parse(row.document), document: row.document, pdf: row.pdf }
}

/** The ledger's entries of an invoice, in the order in which they were posted. */
export async function listEntries(tx: Tx, invoice: Id<'inv'>): Promise<Entry[]> {
  const rows = await billing(tx).selectFrom('entry').selectAll().where('invoice', '=', uuidOf(invoice)).orderBy('id').execute()
  return rows.map((row) => ({
    line: row.line,
    lease: row.lease === null ? null : idOf('lse', row.lease),
    debit: row.debit,
    credit: row.credit,
    micros: BigInt(row.micros),
  }))
}
