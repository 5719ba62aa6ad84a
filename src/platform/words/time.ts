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
