import { Type } from 'typebox'
import type { Id } from '#lib/index.ts'
import { formatMicros, type TopUp } from '#platform/billing/index.ts'
import type { SwitchMethods } from '#platform/words/index.ts'
import { type App, operatorOnly, type Routes, scopeOf } from './app.ts'
import { Money } from './billing-schema.ts'
import type { BillingStore } from './billing-store.ts'
import type { Calls } from './deps.ts'
import { problem } from './problem.ts'
import { OfSubscriber, Paged, PageParams } from './schema.ts'

export interface BalanceDeps {
  store: Pick<BillingStore, 'topUp' | 'topUps' | 'balance'>
  switch: Calls<SwitchMethods>
  /** Tells the switch what has become of balances. */
  publish(subscribers: Id<'sub'>[]): Promise<void>
}

const closed = { additionalProperties: false }
const Reference = Type.Optional(
  Type.String({ maxLength: 200, pattern: '^[^\\p{Cc}]*$', description: 'What the operator knows it by.' }),
)
const TopUpView = Type.Object({
  id: Type.String(),
  at: Type.String({ format: 'date-time' }),
  amount: Money,
  reference: Reference,
})
const Balance = Type.Object({
  balance: Type.Object(Money.properties, { description: 'What was paid in, without what was charged: the ledger’s word.' }),
  left: Type.Union([Money, Type.Null()], {
    description: 'What the switch knows to the moment: without what runs and what it has not told yet. Null while it is away.',
  }),
  reserved: Type.Union([Money, Type.Null()], { description: 'What running calls have paid ahead; it is not in what is left.' }),
  low: Type.Boolean({ description: 'Below the threshold, until more is paid in.' }),
  empty: Type.Boolean({ description: 'Something was refused or cut for want of money, until more is paid in.' }),
  lowBalance: Type.Union([Type.String(), Type.Null()], { description: 'The threshold, a decimal.' }),
})

/** Balances of those who pay in advance, and what is paid in. */
export function balanceRoutes(deps: BalanceDeps): Routes {
  return (app) => {
    balanceRoute(app, deps)
    topUpRoutes(app, deps)
  }
}

function balanceRoute(app: App, { store, switch: callSwitch }: BalanceDeps): void {
  app.get(
    '/v1/subscribers/:subscriber/balance',
    {
      schema: {
        summary: 'What a subscriber that pays in advance has left',
        params: OfSubscriber,
        response: { 200: Balance },
      },
    },
    async ({ principal, subscriber }) => {
      const { micros, currency } = await store.balance(scopeOf(principal), subscriber.id)
      const [known] = await callSwitch.call('balance.list', { subscriber: subscriber.id }).catch(() => [])
      const money = (amount: number | bigint) => ({ amount: formatMicros(BigInt(amount)), currency })
      return {
        balance: money(micros),
        left: known ? money(known.leftMicros) : null,
        reserved: known ? money(known.reservedMicros) : null,
        low: known?.low ?? false,
        empty: known?.empty ?? false,
        lowBalance: subscriber.lowBalance,
      }
    },
  )
}

function topUpRoutes(app: App, { store, publish }: BalanceDeps): void {
  app.post(
    '/v1/subscribers/:subscriber/top-ups',
    {
      config: operatorOnly,
      schema: {
        summary: 'Pay in, in advance',
        description:
          'Needs an Idempotency-Key, which is kept for good: the same one again is the same money, and never more. The subscriber is ' +
          'of a plan that is prepaid, and the amount in its currency.',
        params: OfSubscriber,
        body: Type.Object({ amount: Type.Object(Money.properties, closed), reference: Reference }, closed),
        response: { 201: TopUpView },
      },
    },
    async ({ subscriber, body, headers }, reply) => {
      const key = headers['idempotency-key']
      if (typeof key !== 'string') throw problem('idempotency-key-missing', 400, 'Money is paid in with an Idempotency-Key.')
      const { amount, reference } = body
      const paid = await store.topUp(subscriber.id, { ...amount, key, ...(reference === undefined ? {} : { reference }) })
      await publish([subscriber.id])
      return reply.code(201).send(viewOf(paid))
    },
  )
  app.get(
    '/v1/subscribers/:subscriber/top-ups',
    {
      schema: {
        summary: 'What was paid in, in the order in which it came',
        params: OfSubscriber,
        querystring: PageParams,
        response: { 200: Paged(TopUpView) },
      },
    },
    async ({ principal, subscriber, query: { after, limit = 100 } }) => {
      const page = await store.topUps(scopeOf(principal), subscriber.id, { after, limit })
      return { ...page, items: page.items.map(viewOf) }
    },
  )
}

function viewOf({ amount, currency, ...rest }: TopUp) {
  return { ...rest, amount: { amount, currency } }
}
