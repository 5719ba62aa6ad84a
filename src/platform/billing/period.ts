import { TielineError } from '#lib/index.ts'

/** A calendar month in a time zone: `from` belongs to it, `to` to the next one. */
export interface Period {
  /** `2026-11`. */
  name: string
  timeZone: string
  from: Date
  to: Date
  days: number
}

/** The month `name` of a subscriber. @throws TielineError `invalid-period` */
export function period(name: string, timeZone: string): Period {
  const match = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(name)
  if (!match) {
    const verdict = { code: 'invalid-period', fault: 'caller', retry: false, http: 422 } as const
    throw new TielineError('a period is a month: 2026-11', verdict, { period: name })
  }
  const [year, month] = [Number(match[1]), Number(match[2])]
  return {
    name,
    timeZone,
    from: startOfDay(Date.UTC(year, month - 1, 1), timeZone),
    to: startOfDay(Date.UTC(year, month, 1), timeZone),
    days: new Date(Date.UTC(year, month, 0)).getUTCDate(),
  }
}

/** The period that an instant lies in. */
export function periodAt(instant: Date, timeZone: string): Period {
  return period(localDate(instant, timeZone).slice(0, 7), timeZone)
}

/** The name of the month after. */
export function nextPeriod(name: string): string {
  const [year, month] = name.split('-').map(Number) as [number, number]
  return month === 12 ? `${year + 1}-01` : `${year}-${String(month + 1).padStart(2, '0')}`
}

/** The last millisecond of the calendar day that an instant lies in. */
export function endOfDay(instant: Date, timeZone: string): Date {
  const next = Date.parse(localDate(instant, timeZone)) + 86_400_000
  return new Date(startOfDay(next, timeZone).getTime() - 1)
}

/** The calendar date of an instant in a time zone: `2026-11-30`. */
export function localDate(instant: Date, timeZone: string): string {
  return formatOf(timeZone).format(instant)
}

/** Days from one calendar date to another. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000)
}

/**
 * The first instant of a calendar day, given as its midnight in UTC. It is searched for: where the clock is put forward at
 * midnight the day begins at one, and where it is put back midnight may come twice; then the first counts (PITFALLS B10).
 */
function startOfDay(utcMidnight: number, timeZone: string): Date {
  const date = new Date(utcMidnight).toISOString().slice(0, 10)
  const format = formatOf(timeZone)
  let before = utcMidnight - 16 * 3_600_000
  let after = utcMidnight + 16 * 3_600_000
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (format.format(middle) >= date) after = middle
    else before = middle
  }
  return new Date(after)
}

/** Swedish dates are ISO 8601 dates. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' })
}
