import type { Clock } from '#lib/index.ts'

/** A moment as a record keeps it: durations come from `mono` within one `boot`, calendar instants from `wall`. */
export interface Instant {
  /** Ms since the epoch by the wall clock. */
  readonly wall: number
  /** Whole ms by the monotonic clock of the boot. */
  readonly mono: number
  /** Which run of which process `mono` belongs to. */
  readonly boot: string
}

/** Whole milliseconds between two instants: monotonic within a boot, wall-clock across boots, never negative. */
export function durationMs(from: Instant, to: Instant): number {
  const ms = from.boot === to.boot ? to.mono - from.mono : to.wall - from.wall
  return Math.max(0, Math.round(ms))
}

let last: Instant = { wall: 0, mono: 0, boot: '' }

/** This moment by `clock`, in the run `boot`. What happens within a millisecond shares one, and its text in the journal. */
export function instantOf(clock: Clock, boot: string): Instant {
  const wall = clock.wall()
  const mono = Math.round(clock.now())
  if (wall !== last.wall || mono !== last.mono || boot !== last.boot) last = { wall, mono, boot }
  return last
}

/** Wall-clock ms by RFC 3339: of those who ask in a row for the same, the same text. */
export const timeText = rfc3339()

/**
 * Writes wall-clock ms as `Date.prototype.toISOString` does, which is asked once a second: what is written in a row is mostly of the
 * same one, and much of it of the same millisecond.
 */
export function rfc3339(): (wall: number) => string {
  let last = Number.NaN
  let text = ''
  let second = Number.NaN
  let upToSecond = ''
  return (wall) => {
    if (wall === last) return text
    last = wall
    const whole = Math.floor(wall / 1000)
    if (whole !== second) {
      second = whole
      upToSecond = new Date(whole * 1000).toISOString().slice(0, -'000Z'.length)
    }
    const ms = Math.floor(wall - whole * 1000)
    text = `${upToSecond}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`
    return text
  }
}
