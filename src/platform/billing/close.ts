import { TielineError } from '#lib/index.ts'
import type { UsageRecord } from '#platform/words/index.ts'
import { type Account, daysByPlan, planAt } from './account.ts'
import { type DraftLine, type Entry, type Invoice, type Statement, type TopUp, type Waiting, writeInvoice } from './invoice.ts'
import { mulDiv, parseMicros } from './money.ts'
import { type Period, periodAt } from './period.ts'
import { type Plan, rateKey } from './plan.ts'
import { type Meters, type Rating, rate, waits } from './rate.ts'

/** What a period is closed from. */
export interface Closing {
  account: Account
  period: Period
  state: Invoice['state']
  /** Not on any closed invoice, released before the period's end. What was released before its beginning came late. */
  usage: readonly UsageRecord[]
  /** All plans that the account has had, by name. */
  plans: ReadonlyMap<string, Plan>
  /** The meters of former periods, by period: late usage goes on counting where its period had stopped. */
  meters: Record<string, Meters>
  /** What was paid in, in advance, in the period. */
  topUps?: readonly TopUp[]
}

/**
 * Closes a period of one account: pure, so that closing it again gives the same. A call belongs to the period in which it
 * ended, and is rated by the plan that was in force when it was answered (PITFALLS B10); what comes late, or had no price in its
 * own period, is an adjustment of the next invoice (B12, B07). @throws TielineError `plan-unknown`, `currency-mixed`
 */
export function closePeriod(closing: Closing): Statement {
  const { account, period: within } = closing
  const lines: DraftLine[] = recurringLines(closing)
  const byLine = new Map<DraftLine, Rating[]>()
  const found = new Map<string, DraftLine>()
  const meters: Record<string, Meters> = { [within.name]: {} }
  const waiting: Waiting[] = []
  for (const usage of [...closing.usage].sort(inOrder)) {
    const ended = new Date(usage.releasedAt)
    const of = ended < within.from ? periodAt(ended, within.timeZone).name : within.name
    const plan = planNamed(closing.plans, planAt(account, new Date(usage.answeredAt ?? usage.takenAt)))
    const rated = rate(usage, plan, meters[of] ?? closing.meters[of] ?? {})
    if (waits(usage, plan)) waiting.push({ usage, plan: plan.name })
    if (!rated) continue
    meters[of] = rated.meters
    const key = `${of} ${plan.name} ${rated.rating.rate}`
    const line = found.get(key) ?? usageLine(usage, rated.rating, plan, of === within.name ? null : of)
    if (!found.has(key)) {
      found.set(key, line)
      byLine.set(line, [])
    }
    addTo(line, rated.rating, usage.review)
    byLine.get(line)!.push(rated.rating)
  }
  lines.push(...sorted([...found.values()], closing.plans))
  const plans = plansOf(closing, lines)
  const { topUps = [] } = closing
  const invoice = writeInvoice(account, within, closing.state, lines, { plans, topUps })
  return { invoice, entries: entriesOf(invoice, lines, { byLine, plans: closing.plans }), meters, waiting }
}

/** In which order usage is rated: as it was answered. */
export function inOrder(a: UsageRecord, b: UsageRecord): number {
  const [x, y] = [`${a.answeredAt ?? a.takenAt} ${a.lease}`, `${b.answeredAt ?? b.takenAt} ${b.lease}`]
  return x < y ? -1 : x > y ? 1 : 0
}

function recurringLines({ account, period, plans }: Closing): DraftLine[] {
  const lines: DraftLine[] = []
  for (const [name, days] of daysByPlan(account, period)) {
    const plan = planNamed(plans, name)
    for (const { title, amount } of plan.recurring) {
      lines.push({
        type: 'recurring',
        title: days === period.days ? title : `${title}, ${days} of ${period.days} days`,
        plan: plan.name,
        count: days,
        billableMs: 0,
        units: 0,
        includedUnits: 0,
        amount: mulDiv(parseMicros(amount), BigInt(days), BigInt(period.days)),
        leases: [],
      })
    }
  }
  return lines
}

function usageLine(usage: UsageRecord, rating: Rating, plan: Plan, adjusts: string | null): DraftLine {
  const found = plan.rates.find((r) => rateKey(r) === rating.rate)
  const title = found?.title ?? usage.kind
  return {
    type: adjusts ? 'adjustment' : 'usage',
    title: adjusts ? `${title}, late from ${adjusts}` : title,
    plan: plan.name,
    rate: rating.rate,
    kind: usage.kind,
    ...(adjusts ? { adjusts } : {}),
    count: 0,
    billableMs: 0,
    units: 0,
    ...(found?.unit === 'mebibyte-hour' ? { unit: 'mebibyte-second' as const } : {}),
    includedUnits: 0,
    amount: 0n,
    leases: [],
  }
}

function addTo(line: DraftLine, rating: Rating, review: boolean): void {
  line.count++
  line.billableMs += rating.billableMs
  line.units += rating.units
  line.includedUnits += rating.includedUnits
  line.amount += rating.amount
  line.leases.push(rating.lease)
  if (review) line.review = [...(line.review ?? []), rating.lease]
}

/** This period's lines first, then adjustments by period; within them as the plans list their rates. */
function sorted(lines: DraftLine[], plans: ReadonlyMap<string, Plan>): DraftLine[] {
  const place = (line: DraftLine) => plans.get(line.plan)?.rates.findIndex((r) => rateKey(r) === line.rate) ?? 0
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
  return lines.sort((a, b) => compare(a.adjusts ?? '', b.adjusts ?? '') || compare(a.plan, b.plan) || place(a) - place(b))
}

/** The plans of these lines, the one at the period's end first: its currency and taxes are the invoice's. */
function plansOf({ account, period, plans }: Closing, lines: DraftLine[]): Plan[] {
  const last = planNamed(plans, planAt(account, new Date(period.to.getTime() - 1)))
  const all = [last, ...[...new Set(lines.map((line) => line.plan))].map((name) => planNamed(plans, name))]
  const other = all.find((plan) => plan.currency !== last.currency)
  if (!other) return all
  throw new TielineError(
    'plans of different currencies cannot stand on one invoice',
    { code: 'currency-mixed', fault: 'subscriber', retry: false, http: 409 },
    { plans: [last.name, other.name] },
  )
}

function planNamed(plans: ReadonlyMap<string, Plan>, name: string): Plan {
  const plan = plans.get(name)
  if (plan) return plan
  throw new TielineError(
    'the plan of this subscriber does not exist; its usage waits until it does',
    { code: 'plan-unknown', fault: 'subscriber', retry: true, http: 409 },
    { plan: name },
  )
}

const RECEIVABLE = 'receivable'
/** What subscribers have paid in and not used: it is theirs. */
export const PREPAID = 'prepaid'

/** Double entry: what is owed stands against what it is owed for, each line of usage lease by lease; what was paid in, against the balance. */
function entriesOf(
  invoice: Invoice,
  lines: DraftLine[],
  { byLine, plans }: { byLine: ReadonlyMap<DraftLine, Rating[]>; plans: ReadonlyMap<string, Plan> },
): Entry[] {
  const entries: Entry[] = []
  const owe = (micros: bigint, credit: string, line: number | null, lease: Entry['lease'], from = RECEIVABLE) => {
    if (micros > 0n) entries.push({ line, lease, debit: from, credit, micros })
    if (micros < 0n) entries.push({ line, lease, debit: credit, credit: from, micros: -micros })
  }
  for (const { amount } of invoice.prepaid?.topUps ?? []) owe(parseMicros(amount), PREPAID, null, null, 'payments')
  for (const [i, line] of lines.entries()) {
    const ratings = byLine.get(line)
    const from = plans.get(line.plan)?.prepaid ? PREPAID : RECEIVABLE
    if (!ratings) owe(line.amount, 'revenue:recurring', i + 1, null)
    for (const rating of ratings ?? []) owe(rating.amount, `revenue:${line.kind}`, i + 1, rating.lease, from)
  }
  for (const tax of invoice.taxes) owe(parseMicros(tax.amount), `tax:${tax.title}`, null, null)
  owe(parseMicros(invoice.rounding), 'rounding', null, null)
  return entries
}
