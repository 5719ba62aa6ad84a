import { type Clock, type Id, idOf, isId, uuidOf } from '#lib/index.ts'
import {
  type Addition,
  type Entry,
  type Invoice,
  invoicePdf,
  type Plan,
  standardPlan,
  type TopUp,
} from '#platform/billing/index.ts'
import type { Page, PageQuery } from '#platform/subscriber/index.ts'
import type { UsageQuery } from '#platform/usage/index.ts'
import type { UsageRecord } from '#platform/words/index.ts'
import { currentBalance, type PaidIn, topUp, topUps } from './billing-balance.ts'
import { findInvoice, type InvoiceQuery, listEntries, listInvoices } from './billing-invoice.ts'
import { addPlan, addToPlan, findPlan, listPlans, plansWithoutPrice } from './billing-plan.ts'
import { billing } from './billing-tables.ts'
import { listUsage } from './billing-usage.ts'
import { notFound } from './error.ts'
import type { Scope, Store, Tx } from './store.ts'

/** Usage, bills and plans for the API, each method one transaction in the scope of who asks. */
export interface BillingRecords {
  account(idOrName: string): Promise<Id<'sub'>>
  listUsage(scope: Scope, subscriber: Id<'sub'>, query: UsageQuery): Promise<Page<UsageRecord>>
  listInvoices(scope: Scope, query: InvoiceQuery): Promise<Page<Invoice>>
  findInvoice(scope: Scope, id: string): Promise<{ invoice: Invoice; document: string; pdf: Uint8Array }>
  listEntries(scope: Scope, invoice: Id<'inv'>): Promise<Entry[]>
  listPlans(): Promise<Plan[]>
  findPlan(name: string): Promise<Plan>
  addPlan(plan: Plan): Promise<Plan>
  addToPlan(name: string, addition: Addition): Promise<Plan>
  plansWithoutPrice(): Promise<{ plan: string; kinds: string[] }[]>
  topUp(subscriber: Id<'sub'>, paid: PaidIn): Promise<TopUp>
  topUps(scope: Scope, subscriber: Id<'sub'>, page: PageQuery): Promise<Page<TopUp>>
  balance(scope: Scope, subscriber: Id<'sub'>): Promise<{ micros: bigint; currency: string }>
}

export function billingRecords(store: Store, clock: Clock): BillingRecords {
  const platform = <T>(work: (tx: Tx) => Promise<T>) => store.transaction('platform', work)
  return {
    account: (idOrName) => platform((tx) => findAccount(tx, idOrName)),
    listUsage: (scope, subscriber, query) => store.transaction(scope, (tx) => listUsage(tx, subscriber, query)),
    listInvoices: (scope, query) => store.transaction(scope, (tx) => listInvoices(tx, query)),
    findInvoice: async (scope, id) => {
      const found = await store.transaction(scope, (tx) => findInvoice(tx, id))
      return { ...found, pdf: found.pdf ?? (await invoicePdf(found.invoice)) }
    },
    listEntries: (scope, invoice) => store.transaction(scope, (tx) => listEntries(tx, invoice)),
    listPlans: () => platform(listPlans),
    findPlan: (name) => platform((tx) => findPlan(tx, name)),
    addPlan: (plan) => platform((tx) => addPlan(tx, plan, new Date(clock.wall()))),
    addToPlan: (name, addition) => platform((tx) => addToPlan(tx, name, addition, new Date(clock.wall()))),
    topUp: (subscriber, paid) => platform((tx) => topUp(tx, subscriber, paid, new Date(clock.wall()))),
    topUps: (scope, subscriber, { after, limit }) => {
      if (after !== undefined && !isId('top', after)) throw notFound('top-up')
      return store.transaction(scope, (tx) => topUps(tx, subscriber, { limit, ...(after === undefined ? {} : { after }) }))
    },
    balance: (scope, subscriber) => store.transaction(scope, (tx) => currentBalance(tx, subscriber, new Date(clock.wall()))),
    plansWithoutPrice: () => platform((tx) => plansWithoutPrice(tx, standardPlan.name)),
  }
}

/** A name may have been used again after a removal: then it is the newest account's. Rejects with `not-found`. */
async function findAccount(tx: Tx, idOrName: string): Promise<Id<'sub'>> {
  const row = await billing(tx)
    .selectFrom('account')
    .select('subscriber_id')
    .where(isId('sub', idOrName) ? 'subscriber_id' : 'name', '=', isId('sub', idOrName) ? uuidOf(idOrName) : idOrName)
    .orderBy('since', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (!row) throw notFound('subscriber')
  return idOf('sub', row.subscriber_id)
}
