import type { Id } from '#lib/index.ts'
import { daysBetween, localDate, type Period } from './period.ts'
import { standardPlan } from './standard.ts'

/** Who pays: what billing knows of a subscriber, also after it has been removed. */
export interface Account {
  subscriber: Id<'sub'>
  name: string
  /** IANA name. */
  timeZone: string
  since: Date
  /** When it was removed. */
  until: Date | null
  /** Which plan from when on, oldest first. Before the first, and where there is none, the first or the standard plan. */
  plans: { since: Date; plan: string }[]
}

/** The name of the plan in force at an instant. */
export function planAt(account: Account, instant: Date): string {
  return planWhere(account, (since) => since <= instant)
}

function planWhere(account: Account, reached: (since: Date) => boolean): string {
  return (account.plans.findLast(({ since }) => reached(since)) ?? account.plans[0])?.plan ?? standardPlan.name
}

/**
 * How many days of a period each plan was in force, by the account's calendar. The days of beginning and of removal count
 * whole; the day on which a plan changes belongs to the new one.
 */
export function daysByPlan(account: Account, within: Period): Map<string, number> {
  const first = localDate(within.from, within.timeZone)
  const begins = localDate(account.since, within.timeZone)
  const ends = account.until && localDate(account.until, within.timeZone)
  const days = new Map<string, number>()
  for (let i = 0; i < within.days; i++) {
    const day = `${first.slice(0, 8)}${String(i + 1).padStart(2, '0')}`
    if (daysBetween(begins, day) < 0 || (ends && daysBetween(ends, day) > 0)) continue
    const plan = planWhere(account, (since) => localDate(since, within.timeZone) <= day)
    days.set(plan, (days.get(plan) ?? 0) + 1)
  }
  return days
}
