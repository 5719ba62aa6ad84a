import type { ColumnType, GeneratedAlways, Transaction } from 'kysely'
import type { Addition, Meters, Plan } from '#platform/billing/index.ts'
import type { LeaseDetail } from '#platform/words/index.ts'
import type { Tx } from './store.ts'

/** PostgreSQL's bigint comes back as text. */
type Bigint<Written> = ColumnType<string, Written, Written>

/** The tables of `0002_billing.sql`, and what later ones have added. */
export interface BillingTables {
  account: { subscriber_id: string; name: string; time_zone: string; since: Date; until: Date | null }
  account_plan: { subscriber_id: string; since: Date; plan: string }
  plan: { name: string; definition: ColumnType<Plan, Plan, never>; created_at: Date }
  plan_addition: {
    id: GeneratedAlways<string>
    plan: string
    definition: ColumnType<Addition, Addition, never>
    created_at: Date
  }
  usage: {
    subscriber_id: string
    lease: string
    kind: string
    count: number
    call: string | null
    agent: string | null
    leg: string | null
    taken_at: Date
    answered_at: Date | null
    released_at: Date
    billable_ms: Bigint<number>
    reason: string
    detail: ColumnType<LeaseDetail, LeaseDetail, never>
    review: boolean
    invoice: string | null
  }
  balance: { subscriber_id: string; currency: string; micros: Bigint<string>; position: Bigint<number> }
  top_up: {
    subscriber_id: string
    id: string
    key: string
    micros: Bigint<string>
    currency: string
    reference: string | null
    at: Date
  }
  charge: { subscriber_id: string; lease: string; micros: Bigint<string>; currency: string }
  usage_taken: { node: string; position: Bigint<number> }
  invoice: {
    subscriber_id: string
    id: string
    period: string
    state: 'draft' | 'closed'
    document: string
    pdf: Buffer | null
    meters: ColumnType<Record<string, Meters>, Record<string, Meters>, Record<string, Meters>>
  }
  entry: {
    subscriber_id: string
    id: GeneratedAlways<string>
    invoice: string
    line: number | null
    lease: string | null
    debit: string
    credit: string
    micros: Bigint<string>
    currency: string
  }
}

/** The same transaction, seen with billing's tables. */
export function billing(tx: Tx): Transaction<BillingTables> {
  return tx as unknown as Transaction<BillingTables>
}
