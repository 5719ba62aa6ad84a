import type { TollLimits, TollRule } from '#platform/words/index.ts'

/**
 * What counts towards the limits of one subscriber, of all its calls or of one class. Plain JSON, small whatever happens, since
 * the journal keeps it. Times are by the wall clock: they have to mean the same after a restart.
 */
export interface Counts {
  /** Calls that began, by slots of their span: [slot, calls]. */
  minute: [number, number][]
  hour: [number, number][]
  /** The day that `ms` is of, by the subscriber's calendar. */
  day: string
  /** Ms of the day: those of calls that are over, and those granted to calls that run. */
  ms: number
  /** Millionths that calls cost, those that run as far as they are granted; absent where money is not limited. */
  spent?: { day: string; dayMicros: number; month: string; monthMicros: number }
}

/** This moment: ms since the epoch, and the day that it is of. */
export interface Moment {
  wall: number
  day: string
}

interface Span {
  slotMs: number
  slots: number
}

/** A slot counts until all of it has left the span: a limit is never exceeded, and free again up to a slot late. */
const MINUTE: Span = { slotMs: 5000, slots: 12 }
const HOUR: Span = { slotMs: 300_000, slots: 12 }

export const MICROS = 1_000_000
export const MS_A_MINUTE = 60_000
/** Less is not worth a call. */
export const LEAST_MS = 1000

export function noCounts(): Counts {
  return { minute: [], hour: [], day: '', ms: 0 }
}

/** One more call begins. */
export function begin(counts: Counts, { wall }: Moment): void {
  add(counts.minute, MINUTE, wall)
  add(counts.hour, HOUR, wall)
}

/** Ms of the day so far; a new day has none. */
export function msOf(counts: Counts, { day }: Moment): number {
  return counts.day === day ? counts.ms : 0
}

/** More ms of the day, or fewer where some were given back. */
export function addMs(counts: Counts, now: Moment, ms: number): void {
  counts.ms = Math.max(0, msOf(counts, now) + ms)
  counts.day = now.day
}

/** Millionths of the day or the month so far. */
export function spentOf({ spent }: Counts, rule: 'spendPerDay' | 'spendPerMonth', now: Moment): number {
  if (rule === 'spendPerDay') return spent?.day === now.day ? spent.dayMicros : 0
  return spent?.month === monthOf(now) ? spent.monthMicros : 0
}

/** More was spent, or some of it was given back. */
export function addSpent(counts: Counts, now: Moment, micros: number): void {
  counts.spent = {
    day: now.day,
    dayMicros: Math.max(0, spentOf(counts, 'spendPerDay', now) + micros),
    month: monthOf(now),
    monthMicros: Math.max(0, spentOf(counts, 'spendPerMonth', now) + micros),
  }
}

/** Of the calendar that the day is of: `2026-11`. */
export function monthOf({ day }: Moment): string {
  return day.slice(0, 7)
}

/** A limit of money in millionths; null where there is none. It was checked to have six places at most. */
export function limitMicros(limits: TollLimits, rule: 'spendPerDay' | 'spendPerMonth'): number | null {
  const limit = limits[rule]
  return limit === undefined ? null : Math.round(Number(limit) * MICROS)
}

/** What each rule has used up: calls, minutes, or units of the currency. */
export function usedOf(counts: Counts, rule: TollRule, now: Moment): number {
  switch (rule) {
    case 'callsPerMinute':
      return sum(counts.minute, MINUTE, now.wall)
    case 'callsPerHour':
      return sum(counts.hour, HOUR, now.wall)
    case 'minutesPerDay':
      return msOf(counts, now) / MS_A_MINUTE
    case 'spendPerDay':
    case 'spendPerMonth':
      return spentOf(counts, rule, now) / MICROS
  }
}

export function limitsMoney({ spendPerDay, spendPerMonth }: TollLimits): boolean {
  return spendPerDay !== undefined || spendPerMonth !== undefined
}

/** Whether calls that run have to be granted what they use. */
export function limitsUse(limits: TollLimits): boolean {
  return limits.minutesPerDay !== undefined || limitsMoney(limits)
}

/** The first rule of calls or minutes that is met, so that no call may begin. */
export function metBy(counts: Counts, limits: TollLimits, now: Moment): { rule: TollRule; limit: number; used: number } | null {
  for (const rule of ['callsPerMinute', 'callsPerHour', 'minutesPerDay'] as const) {
    const limit = limits[rule]
    if (limit === undefined) continue
    const used = usedOf(counts, rule, now)
    const left = rule === 'minutesPerDay' ? LEAST_MS / MS_A_MINUTE : 1
    if (limit - used < left) return { rule, limit, used }
  }
  return null
}

function add(slots: [number, number][], span: Span, wall: number): void {
  const slot = Math.floor(wall / span.slotMs)
  const known = slots.find(([at]) => at === slot)
  if (known) known[1] += 1
  else slots.push([slot, 1])
  // What lies further off than the span, before or, after a step of the clock, behind, counts no more.
  const kept = slots.filter(([at]) => Math.abs(at - slot) <= span.slots)
  slots.splice(0, slots.length, ...kept)
}

function sum(slots: readonly [number, number][], span: Span, wall: number): number {
  const slot = Math.floor(wall / span.slotMs)
  let calls = 0
  for (const [at, count] of slots) if (Math.abs(at - slot) <= span.slots) calls += count
  return calls
}
