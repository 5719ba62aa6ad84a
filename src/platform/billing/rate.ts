import type { Id } from '#lib/index.ts'
import type { Rate, UsageRecord } from '#platform/words/index.ts'
import { type Micros, mulDiv, parseMicros } from './money.ts'
import { isPriced, type Plan, rateFor, rateKey } from './plan.ts'

/** How many units each rate of a plan has seen in one period: what tiers and included units are counted by. */
export type Meters = Record<string, number>

/** The price of one lease, and how it came about. */
export interface Rating {
  lease: Id<'lse'>
  plan: string
  /** The rate's key in the plan. */
  rate: string
  /** Seconds as they were, in ms, and units as they are charged (count × seconds after increments, also of memory; or pieces). */
  billableMs: number
  units: number
  /** Of them free of charge. */
  includedUnits: number
  setUp: Micros
  amount: Micros
}

/** Whole seconds that are charged for `ms`: 0 for 0, else the first increment and as many next ones as it takes (B05). */
export function billedSeconds(ms: number, increments: Rate['increments']): number {
  if (ms <= 0) return 0
  const { first, next } = increments
  const over = Math.max(0, Math.ceil((Math.ceil(ms) - first * 1000) / 1000))
  return first + Math.ceil(over / next) * next
}

/**
 * Rates one usage record by a plan: pure, in exact integers, rounded once to a millionth. `meters` are those of the
 * period so far; the answer has them moved on. `null` where nothing is owed: never answered, no time passed, an emergency
 * call, or a kind that the plan has no price for (B04). Whether and why a call ended does not matter (B08).
 */
export function rate(usage: UsageRecord, plan: Plan, meters: Meters): { rating: Rating; meters: Meters } | null {
  if (!isOwed(usage)) return null
  const found = rateFor(plan, usage.kind, usage.detail.number)
  if (!found) return null
  const units = usage.count * unitsOf(found, usage.billableMs)
  const key = `${plan.name} ${rateKey(found)}`
  const before = meters[key] ?? 0
  const includedUnits = includedOf(found, before, units)
  const setUp = parseMicros(found.setUpFee) * BigInt(usage.count)
  const rating: Rating = {
    lease: usage.lease,
    plan: plan.name,
    rate: rateKey(found),
    billableMs: usage.billableMs,
    units,
    includedUnits,
    setUp,
    amount: setUp + priceOf(found, before, units),
  }
  return { rating, meters: { ...meters, [key]: before + units } }
}

/** Whether nobody can say yet what is owed for it: the plan says nothing of its kind. */
export function waits(usage: UsageRecord, plan: Plan): boolean {
  return isOwed(usage) && !isPriced(plan, usage.kind)
}

function isOwed({ answeredAt, billableMs, detail }: UsageRecord): boolean {
  return answeredAt !== null && billableMs > 0 && !detail.emergency
}

/** The units that one lease of so many ms is charged. */
export function unitsOf(found: Rate, ms: number): number {
  if (ms <= 0) return 0
  return found.unit === 'piece' ? 1 : billedSeconds(ms, found.increments)
}

/** The price of `units` when the period has seen `before` of the rate, rounded to a millionth; without the set-up fee. */
export function priceOf(found: Rate, before: number, units: number): Micros {
  return tiered(found, Math.max(0, before - found.included * scaleOf(found)), units - includedOf(found, before, units))
}

function includedOf(found: Rate, before: number, units: number): number {
  return Math.min(units, Math.max(0, found.included * scaleOf(found) - before))
}

/** How many counted units one of the rate's is: a mebibyte-hour has 3600 mebibyte-seconds. */
function scaleOf({ unit }: Rate): number {
  return unit === 'mebibyte-hour' ? 3600 : 1
}

/** The price of `units` when `before` charged ones came earlier in the period. */
function tiered(found: Rate, before: number, units: number): Micros {
  let sum = 0n
  let from = before
  const end = before + units
  const scale = scaleOf(found)
  for (const { upTo, price } of found.tiers) {
    const to = Math.min(end, upTo === null ? end : upTo * scale)
    if (to <= from) continue
    sum += parseMicros(price) * BigInt(to - from)
    from = to
  }
  return mulDiv(sum, 1n, BigInt(found.per * scale))
}
