import type { Id, Timer } from '#lib/index.ts'
import type { Instant, TollRule } from '#platform/words/index.ts'
import type { Account, Meter } from './account.ts'
import { addMs, addSpent, LEAST_MS, limitMicros, limitsMoney, MICROS, type Moment, MS_A_MINUTE, msOf, spentOf } from './counts.ts'
import type { Meterage } from './price.ts'
import type { Purse } from './purse.ts'

/**
 * A lease that runs on granted time: minutes and money are taken from its limits, and from a balance, ahead, a little at a time, so that
 * however many run at once, none of them uses what another one has.
 *
 *     admitted ──► granted GRANT_MS ──answer──► LEAD_MS before the end of it: granted more ──► …
 *                                                        └── nothing left: warned ──► cut at the end of it
 */
export interface Running {
  readonly account: Account
  readonly lease: Id<'lse'>
  readonly leg: Id<'leg'> | undefined
  call: Id<'call'>
  readonly meters: readonly Meter[]
  /** Null where it is not paid for in advance. */
  readonly purse: Purse | null
  /** Null where it costs nothing. */
  readonly meterage: Meterage | null
  grantedMs: number
  answered: Instant | null
  warned: boolean
  /** What it could not be granted more for. */
  lacks?: 'toll-limit' | 'no-balance'
  timer: Timer | null
}

/** Ms that are granted at a time. */
export const GRANT_MS = 20_000
/** Ms before the end of what is granted at which more is asked for, or else the warning is heard. */
export const LEAD_MS = 10_000

/** Ms before the end of what is granted at which a call is cut: a timer that is late begins no increment that nobody pays. */
export const EARLY_MS = 100

/** Grants as much of `ms` as all its limits have left; answers how much that is. */
export function grant(running: Running, ms: number, now: Moment): number {
  let left = ms
  for (const { limits, counts } of running.meters) {
    if (limits.minutesPerDay === undefined) continue
    left = Math.min(left, Math.floor(limits.minutesPerDay * MS_A_MINUTE) - msOf(counts, now))
  }
  const granted = left < LEAST_MS ? 0 : paidFor(running, running.grantedMs + left, now) - running.grantedMs
  if (granted < LEAST_MS) return 0
  give(running, granted, now)
  return granted
}

/** What it has not begun to use is given back: all but the increment that it is in, or its first. */
export function trim(running: Running, usedMs: number, now: Moment): void {
  const { meterage, grantedMs } = running
  let needed = grantedMs
  for (let less = grantedMs; meterage && less >= Math.max(usedMs, LEAST_MS); less = meterage.stepBefore(less)) needed = less
  if (needed < grantedMs) give(running, needed - grantedMs, now)
}

/** Takes ms from its limits, with what they cost. */
export function give(running: Running, ms: number, now: Moment): void {
  for (const meter of running.meters) {
    addMs(meter.counts, now, ms)
    meter.heldMs += ms
  }
  running.grantedMs += ms
  pay(running, running.meterage?.payTo(running.grantedMs, now) ?? 0, now)
}

/** The call is over: what it has not used of its grant is given back. */
export function settle(running: Running, usedMs: number, now: Moment): void {
  for (const meter of running.meters) {
    addMs(meter.counts, now, usedMs - running.grantedMs)
    meter.heldMs -= running.grantedMs
  }
  pay(running, running.meterage?.end(usedMs, now) ?? 0, now)
  for (const meter of running.meters) meter.heldMicros -= meter.paid.get(running.lease) ?? 0
  for (const meter of running.meters) meter.paid.delete(running.lease)
}

/** Where `micros` more cannot be spent: the rule, its limit and what is used of it. */
export function brokeFor(meters: readonly Meter[], micros: number, now: Moment) {
  if (micros <= 0) return null
  for (const { limits, counts, class: name } of meters) {
    for (const rule of SPENDING) {
      const limit = limitMicros(limits, rule)
      if (limit === null) continue
      const used = spentOf(counts, rule, now)
      if (used + micros > limit) return { rule, limit: limit / MICROS, used: used / MICROS, class: name }
    }
  }
  return null
}

const SPENDING = ['spendPerDay', 'spendPerMonth'] as const satisfies TollRule[]

/** Up to where, at most `ms`, it can be paid. */
function paidFor(running: Running, ms: number, now: Moment): number {
  const { meterage, meters, grantedMs, purse } = running
  if (!meterage) return ms
  for (let to = ms; to > grantedMs; to = meterage.stepBefore(to)) {
    const micros = meterage.costTo(to, now)
    const poor = purse !== null && micros > 0 && micros > purse.leftMicros
    if (!poor && !brokeFor(meters, micros, now)) return to
    running.lacks = poor ? 'no-balance' : 'toll-limit'
  }
  return grantedMs
}

function pay(running: Running, micros: number, now: Moment): void {
  if (micros === 0) return
  running.purse?.reserve(running.lease, micros)
  for (const meter of running.meters.filter(({ limits }) => limitsMoney(limits))) {
    addSpent(meter.counts, now, micros)
    meter.heldMicros += micros
    meter.paid.set(running.lease, (meter.paid.get(running.lease) ?? 0) + micros)
  }
}
