import type { Id, Timer } from '#lib/index.ts'
import type { Instant } from '#platform/words/index.ts'
import type { Account, Meter } from './account.ts'
import { addMs, LEAST_MS, type Moment, MS_A_MINUTE, msOf } from './counts.ts'

/**
 * A call out that runs on granted time: minutes are taken from its limits ahead, a little at a time, so that however many
 * run at once, none of them uses what another one has.
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
  grantedMs: number
  answered: Instant | null
  warned: boolean
  timer: Timer | null
}

/** Ms that are granted at a time. */
export const GRANT_MS = 20_000
/** Ms before the end of what is granted at which more is asked for, or else the warning is heard. */
export const LEAD_MS = 10_000

/** Grants as much of `ms` as all its limits have left; answers how much that is. */
export function grant(running: Running, ms: number, now: Moment): number {
  let left = ms
  for (const { limits, counts } of running.meters) {
    if (limits.minutesPerDay === undefined) continue
    left = Math.min(left, Math.floor(limits.minutesPerDay * MS_A_MINUTE) - msOf(counts, now))
  }
  const granted = left < LEAST_MS ? 0 : left
  give(running, granted, now)
  return granted
}

/** The call is over: what it has not used of its grant is given back. */
export function settle(running: Running, usedMs: number, now: Moment): void {
  const { grantedMs } = running
  give(running, usedMs - grantedMs, now)
  for (const meter of running.meters) meter.heldMs -= usedMs
}

/** Takes ms from its limits, or gives them back. */
export function give(running: Running, ms: number, now: Moment): void {
  for (const meter of running.meters) {
    addMs(meter.counts, now, ms)
    meter.heldMs += ms
  }
  running.grantedMs += ms
}
