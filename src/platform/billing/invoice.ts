import { createHash } from 'node:crypto'
import type { Id } from '#lib/index.ts'
import type { UsageRecord } from '#platform/words/index.ts'
import type { Account } from './account.ts'
import { formatMicros, type Micros, minorDigits, mulDiv, parseMicros, payable } from './money.ts'
import type { Period } from './period.ts'
import { localDate } from './period.ts'
import type { Plan, Tax } from './plan.ts'
import type { Meters } from './rate.ts'

/** A bill as JSON. Amounts are decimals in `currency`; Σ lines − prepaid.used + Σ taxes + rounding = total, exactly. */
export interface Invoice {
  id: Id<'inv'>
  /** What people call it by. */
  number: string
  /** A draft is of a period that is not over; it is made anew each time and posted nowhere. */
  state: 'draft' | 'closed'
  subscriber: Id<'sub'>
  name: string
  period: string
  timeZone: string
  /** RFC 3339, UTC: `to` does not belong to it any more. */
  from: string
  to: string
  /** The first day after the period, whenever it is closed. */
  issuedOn: string
  currency: string
  lines: InvoiceLine[]
  subtotal: string
  taxes: { title: string; percent: string; base: string; amount: string }[]
  /** Absent where nothing was paid in advance. `used` is what of the lines the balance has paid, which is asked for no more. */
  prepaid?: { topUps: TopUp[]; used: string }
  rounding: string
  /** What is asked for. */
  total: string
}

/** What was paid in, in advance: an amount in decimals. */
export interface TopUp {
  id: Id<'top'>
  /** RFC 3339, UTC. */
  at: string
  amount: string
  currency: string
  /** What the operator knows it by. */
  reference?: string
}

export interface InvoiceLine {
  line: number
  type: 'recurring' | 'usage' | 'adjustment'
  title: string
  plan: string
  /** The rate's key in the plan; absent for recurring fees. */
  rate?: string
  kind?: string
  /** For an adjustment: the closed period that the usage belongs to (B12). */
  adjusts?: string
  /** Leases, or days of a recurring fee. */
  count: number
  /** Ms as they were, and units as they are charged: seconds or pieces, unless `unit` says that they are of memory. */
  billableMs: number
  units: number
  unit?: 'mebibyte-second'
  includedUnits: number
  amount: string
  /** Every lease that the line is made of. */
  leases: Id<'lse'>[]
  /**
   * Those of them that nobody ended: they are charged up to the last moment at which their far end, or the switch, was proven to
   * be there, and somebody may look at them (B06). Absent where there are none.
   */
  review?: Id<'lse'>[]
}

/** A line before it is written down. */
export type DraftLine = Omit<InvoiceLine, 'line' | 'amount'> & { amount: Micros }

/** One movement of the ledger: `micros` is positive and goes from `credit` to `debit`. Entries are only ever added. */
export interface Entry {
  line: number | null
  lease: Id<'lse'> | null
  debit: string
  credit: string
  micros: Micros
}

/** Usage that could not be rated: its plan says nothing of its kind. It is on no invoice until it does. */
export interface Waiting {
  usage: UsageRecord
  plan: string
}

/** All that closing a period brings forth. */
export interface Statement {
  invoice: Invoice
  entries: Entry[]
  /** By period: what tiers and included units have been counted up to. */
  meters: Record<string, Meters>
  waiting: Waiting[]
}

/** The invoice of these lines. Its id, number and dates follow from account and period alone. */
export function writeInvoice(
  account: Account,
  within: Period,
  state: Invoice['state'],
  drafts: DraftLine[],
  { plans, topUps }: { plans: Plan[]; topUps: readonly TopUp[] },
): Invoice {
  const currency = plans[0]?.currency ?? 'EUR'
  const places = minorDigits(currency)
  const subtotal = drafts.reduce((sum, line) => sum + line.amount, 0n)
  const paidAhead = new Set(plans.flatMap(({ name, prepaid }) => (prepaid ? [name] : [])))
  const used = drafts.reduce((sum, line) => sum + (paidAhead.has(line.plan) ? line.amount : 0n), 0n)
  const owed = subtotal - used
  const taxes = taxesOf(plans).map((tax) => ({
    ...tax,
    micros: payable(mulDiv(owed, parseMicros(tax.percent), 100_000_000n), currency),
  }))
  const due = taxes.reduce((sum, tax) => sum + tax.micros, owed)
  const total = payable(due, currency)
  const digest = createHash('sha256').update(`${account.subscriber} ${within.name}`).digest('hex')
  return {
    // A UUIDv8 (RFC 9562 §5.8): the period's end, then what the account and the period are hashed to.
    id: `inv_${within.to.getTime().toString(16).padStart(12, '0')}8${digest.slice(0, 3)}8${digest.slice(3, 18)}`,
    number: `${within.name}-${digest.slice(0, 8).toUpperCase()}`,
    state,
    subscriber: account.subscriber,
    name: account.name,
    period: within.name,
    timeZone: within.timeZone,
    from: within.from.toISOString(),
    to: within.to.toISOString(),
    issuedOn: localDate(within.to, within.timeZone),
    currency,
    lines: drafts.map((draft, i) => ({ ...draft, line: i + 1, amount: formatMicros(draft.amount, places) })),
    subtotal: formatMicros(subtotal, places),
    taxes: taxes.map(({ title, percent, micros }) => ({
      title,
      percent,
      base: formatMicros(owed, places),
      amount: formatMicros(micros, places),
    })),
    ...(paidAhead.size + topUps.length > 0 ? { prepaid: { topUps: [...topUps], used: formatMicros(used, places) } } : {}),
    rounding: formatMicros(total - due, places),
    total: formatMicros(total, places),
  }
}

/** The taxes of the plan that is in force at the end, or of the last before it that is not paid in advance. */
function taxesOf(plans: Plan[]): Tax[] {
  return plans.find(({ prepaid }) => !prepaid)?.taxes ?? []
}

/** The bytes of an invoice as JSON: the same for the same invoice. */
export function invoiceBytes(invoice: Invoice): string {
  return `${JSON.stringify(invoice, null, 2)}\n`
}
