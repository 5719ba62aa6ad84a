import type { Clock } from '#lib/index.ts'

/** A moment as a record keeps it: durations come from `mono` within one `boot`, calendar instants from `wall`. */
export interface Instant {
  /** Ms since the epoch by the wall clock. */
  wall: number
  /** Ms by the monotonic clock of the boot, with fractions down to microseconds. */
  mono: number
  /** Which run of which process `mono` belongs to. */
  boot: string
}

/** Whole milliseconds between two instants: monotonic within a boot, wall-clock across boots, never negative. */
export function durationMs(from: Instant, to: Instant): number {
  const ms = from.boot === to.boot ? to.mono - from.mono : to.wall - from.wall
  return Math.max(0, Math.round(ms))
}

/** This moment by `clock`, in the run `boot`. */
export function instantOf(clock: Clock, boot: string): Instant {
  return { wall: clock.wall(), mono: Math.round(clock.now() * 1000) / 1000, boot }
}
