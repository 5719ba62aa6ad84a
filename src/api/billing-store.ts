import type { Id } from '#lib/index.ts'
import type { Addition, Entry, Invoice, Plan, TopUp } from '#platform/billing/index.ts'
import type { Page, PageQuery, Scope } from '#platform/subscriber/index.ts'
import type { UsageQuery } from '#platform/usage/index.ts'
import type { UsageRecord } from '#platform/words/index.ts'

/** What the API asks of whoever keeps usage and bills. What a scope may not see is `not-found`. */
export interface BillingStore {
  /** The subscriber of an id or a name that has an account, removed ones too. */
  account(idOrName: string): Promise<Id<'sub'>>
  listUsage(scope: Scope, subscriber: Id<'sub'>, query: UsageQuery): Promise<Page<UsageRecord>>
  /** Newest period first. */
  listInvoices(scope: Scope, query: InvoiceQuery): Promise<Page<Invoice>>
  /** `document` is the invoice's bytes as issued; `pdf` too, for a draft made now. */
  findInvoice(scope: Scope, id: string): Promise<{ invoice: Invoice; document: string; pdf: Uint8Array }>
  listEntries(scope: Scope, invoice: Id<'inv'>): Promise<Entry[]>
  listPlans(): Promise<Plan[]>
  findPlan(name: string): Promise<Plan>
  addPlan(plan: Plan): Promise<Plan>
  /** Adds prices for kinds of which the plan says nothing. */
  addToPlan(name: string, addition: Addition): Promise<Plan>
  /** Once for each key. Rejects with `not-prepaid`, `currency-mixed`, `invalid-amount`, `idempotency-key-reused`. */
  topUp(subscriber: Id<'sub'>, paid: { key: string; amount: string; currency: string; reference?: string }): Promise<TopUp>
  topUps(scope: Scope, subscriber: Id<'sub'>, page: PageQuery): Promise<Page<TopUp>>
  /** Millionths. Rejects with `not-prepaid`. */
  balance(scope: Scope, subscriber: Id<'sub'>): Promise<{ micros: bigint; currency: string }>
}

export interface InvoiceQuery {
  subscriber?: Id<'sub'>
  /** `2026-11`. */
  period?: string
  after?: Id<'inv'>
  limit: number
}
