import type { Moment } from './counts.ts'

/** Tells days by calendars; a calendar is asked once a minute at most, since it is slow and a day begins with a minute. */
export class Days {
  readonly #known = new Map<string, { minute: number; day: string; format: Intl.DateTimeFormat }>()

  /** `timeZone` is an IANA name. */
  moment(wall: number, timeZone: string): Moment {
    const minute = Math.floor(wall / 60_000)
    let known = this.#known.get(timeZone)
    if (!known) {
      // Swedish dates are ISO 8601 dates.
      const format = new Intl.DateTimeFormat('sv-SE', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' })
      known = { minute: Number.NaN, day: '', format }
      this.#known.set(timeZone, known)
    }
    if (known.minute !== minute) Object.assign(known, { minute, day: known.format.format(wall) })
    return { wall, day: known.day }
  }
}
