import { Type } from 'typebox'
import { type Books, runBills } from '#journeys/period/index.ts'
import { type Clock, isId, type Log } from '#lib/index.ts'
import { type Addition, formatMicros, type Invoice, missing, type Plan, standardPlan } from '#platform/billing/index.ts'
import type { UsageQuery } from '#platform/usage/index.ts'
import { sentAs } from './answers.ts'
import { type App, operatorOnly, type Routes, scopeOf } from './app.ts'
import { Bill, BillSummary, KeptPlan, PlanAddition, Plan as PlanSchema, Posting, UnratedUsage, Usage } from './billing-schema.ts'
import type { BillingStore, InvoiceQuery } from './billing-store.ts'
import { problem } from './problem.ts'
import { OfSubscriber, Paged, PageParams } from './schema.ts'

export interface BillingDeps {
  store: BillingStore
  books: Books
  clock: Clock
  log: Log
}

const closed = { additionalProperties: false }
const Period = Type.String({ description: 'A month: 2026-11.' })
const OfBill = Type.Object({ bill: Type.String() })

/** Usage, plans, bills and the runs that make them: to be given to `createApi`. */
export function billingRoutes(deps: BillingDeps): Routes {
  return (app) => {
    usageRoutes(app, deps)
    planRoutes(app, deps)
    billRoutes(app, deps)
    billRunRoutes(app, deps)
  }
}

function usageRoutes(app: App, { store }: BillingDeps): void {
  app.get(
    '/v1/subscribers/:subscriber/usage',
    {
      schema: {
        summary: 'Usage of a subscriber, lease by lease',
        description: 'Released from `from` up to but not including `to`.',
        params: OfSubscriber,
        querystring: Type.Object(
          {
            ...PageParams.properties,
            from: Type.Optional(Type.String()),
            to: Type.Optional(Type.String()),
            kind: Type.Optional(Type.String()),
            call: Type.Optional(Type.String()),
            review: Type.Optional(Type.Boolean()),
          },
          closed,
        ),
        response: { 200: Paged(Usage) },
      },
    },
    (request) => {
      const { from, to, kind, call, review, after, limit = 100 } = request.query
      const query: UsageQuery = { limit }
      if (from !== undefined) query.from = instant('from', from)
      if (to !== undefined) query.to = instant('to', to)
      if (kind !== undefined) query.kind = kind
      if (review !== undefined) query.review = review
      if (call !== undefined) query.call = idOfType('call', 'call', call)
      if (after !== undefined) query.after = idOfType('lse', 'after', after)
      return store.listUsage(scopeOf(request.principal), request.subscriber.id, query)
    },
  )
}

function planRoutes(app: App, { store }: BillingDeps): void {
  app.get(
    '/v1/plans',
    { config: operatorOnly, schema: { summary: 'Plans by name', response: { 200: Paged(KeptPlan) } } },
    async () => ({ items: (await store.listPlans()).map(kept) }),
  )
  app.post(
    '/v1/plans',
    {
      config: operatorOnly,
      schema: {
        summary: 'Add a plan',
        description: 'A plan never changes: another price is another plan.',
        body: PlanSchema,
        response: { 201: KeptPlan },
      },
    },
    async (request, reply) => reply.code(201).send(kept(await store.addPlan(request.body))),
  )
  app.get(
    '/v1/plans/:plan',
    {
      config: operatorOnly,
      schema: { summary: 'Show a plan', params: Type.Object({ plan: Type.String() }), response: { 200: KeptPlan } },
    },
    async (request) => kept(await store.findPlan(request.params.plan)),
  )
  app.post(
    '/v1/plans/:plan/prices',
    {
      config: operatorOnly,
      schema: {
        summary: 'Say what kinds cost of which a plan says nothing',
        description:
          'A kind that came after the plan was made has no price in it, and its usage waits. What the plan says already never changes: ' +
          'another price is another plan. The next bill has what has waited, of closed periods as adjustments.',
        params: Type.Object({ plan: Type.String() }),
        body: PlanAddition,
        response: { 200: KeptPlan },
      },
    },
    async (request) => {
      const { plan: name } = request.params
      const { rates = [], free = [], standard } = request.body
      const more = standard ? standardFor(await store.findPlan(name)) : { rates: [], free: [] }
      return kept(await store.addToPlan(name, { rates: [...rates, ...more.rates], free: [...free, ...more.free] }))
    },
  )
}

function kept(plan: Plan) {
  return { ...plan, unpriced: missing(plan) }
}

/** What the standard plan says of kinds that this one says nothing of. */
function standardFor(plan: Plan): Addition {
  if (plan.currency !== standardPlan.currency)
    throw problem('currency-mixed', 409, `The prices of the standard plan are in ${standardPlan.currency}.`, { plan: plan.name })
  const kinds = missing(plan)
  return {
    rates: standardPlan.rates.filter(({ kind }) => kinds.includes(kind)),
    free: (standardPlan.free ?? []).filter((kind) => kinds.includes(kind)),
  }
}

function billRoutes(app: App, { store }: BillingDeps): void {
  app.get(
    '/v1/bills',
    {
      schema: {
        summary: 'Bills, newest period first',
        querystring: Type.Object(
          { ...PageParams.properties, subscriber: Type.Optional(Type.String()), period: Type.Optional(Period) },
          closed,
        ),
        response: { 200: Paged(BillSummary) },
      },
    },
    async (request) => {
      const { subscriber, period, after, limit = 100 } = request.query
      const query: InvoiceQuery = { limit }
      // Within a subscriber's own scope another's account shows nothing, as an unknown one does.
      if (subscriber !== undefined && request.principal.role === 'operator') query.subscriber = await store.account(subscriber)
      if (period !== undefined) query.period = period
      if (after !== undefined) query.after = idOfType('inv', 'after', after)
      const { items, next } = await store.listInvoices(scopeOf(request.principal), query)
      return { items: items.map(summaryOf), ...(next === undefined ? {} : { next }) }
    },
  )
  app.get(
    '/v1/bills/:bill',
    { schema: { summary: 'A bill, the bytes as they were issued', params: OfBill, response: { 200: Bill } } },
    async (request, reply) => {
      const { document } = await store.findInvoice(scopeOf(request.principal), request.params.bill)
      return reply.type('application/json; charset=utf-8').send(document)
    },
  )
  app.get(
    '/v1/bills/:bill/pdf',
    { schema: { summary: 'A bill as PDF', params: OfBill, response: { 200: sentAs('application/pdf', 'The bill.') } } },
    async (request, reply) => {
      const { invoice, pdf } = await store.findInvoice(scopeOf(request.principal), request.params.bill)
      reply.header('content-disposition', `inline; filename="${invoice.name}-${invoice.period}.pdf"`)
      return reply.type('application/pdf').send(Buffer.from(pdf))
    },
  )
  app.get(
    '/v1/bills/:bill/entries',
    {
      schema: { summary: "The ledger's entries of a bill, lease by lease", params: OfBill, response: { 200: Paged(Posting) } },
    },
    async (request) => {
      const scope = scopeOf(request.principal)
      const { invoice } = await store.findInvoice(scope, request.params.bill)
      const entries = await store.listEntries(scope, invoice.id)
      return {
        items: entries.map(({ micros, ...entry }) => ({
          ...entry,
          amount: { amount: formatMicros(micros), currency: invoice.currency },
        })),
      }
    },
  )
}

function billRunRoutes(app: App, { store, books, clock, log }: BillingDeps): void {
  app.post(
    '/v1/bill-runs',
    {
      config: operatorOnly,
      schema: {
        summary: 'Close a period: collect usage, rate it, post it, invoice it',
        description:
          'Of all subscribers, or of one. Open periods before it are closed first. A period that is not over gives drafts. Run ' +
          'again, it gives the same bills. Accounts that could not be billed are listed, and wait for the next run.',
        body: Type.Object({ period: Period, subscriber: Type.Optional(Type.String()) }, closed),
        response: {
          200: Type.Object({
            period: Type.String(),
            bills: Type.Array(BillSummary),
            failures: Type.Array(Type.Object({ subscriber: Type.String(), code: Type.String(), message: Type.String() })),
            unrated: Type.Array(UnratedUsage, {
              description: 'Usage on none of these bills, for its plan has no price for its kind. It waits.',
            }),
          }),
        },
      },
    },
    async (request) => {
      const { period, subscriber } = request.body
      const only = subscriber === undefined ? {} : { subscriber: await store.account(subscriber) }
      const run = await runBills(books, { period, ...only, now: new Date(clock.wall()), log })
      return { period, bills: run.invoices.map(summaryOf), failures: run.failures, unrated: run.unrated }
    },
  )
}

function summaryOf(invoice: Invoice) {
  const { id, number, state, subscriber, name, period, issuedOn, lines, total, currency } = invoice
  return { id, number, state, subscriber, name, period, issuedOn, lines: lines.length, total: { amount: total, currency } }
}

function idOfType<P extends 'call' | 'lse' | 'inv'>(prefix: P, field: string, text: string) {
  if (isId(prefix, text)) return text
  throw problem('invalid-argument', 422, `${field} is not an id of this kind.`, { field })
}

function instant(field: string, text: string): string {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw problem('invalid-argument', 422, `${field} is a time such as 2026-11-23T10:00:00Z.`, { field })
  return new Date(ms).toISOString()
}
