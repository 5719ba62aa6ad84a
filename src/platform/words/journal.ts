import type { Id, PatchStep } from '#lib/index.ts'
import type { PlatformEvent } from './event.ts'
import type { Lease } from './resource.ts'
import type { Binding } from './telephone.ts'
import type { Instant } from './time.ts'

/** What the journal keeps. `at` is when it was written; a `beat` every 5 s is the last proven moment of a boot. */
export type JournalRecord =
  | { type: 'boot'; at: Instant; node: string }
  | { type: 'beat'; at: Instant }
  | { type: 'lease.taken'; at: Instant; lease: Lease }
  | { type: 'lease.answered'; at: Instant; lease: Id<'lse'> }
  /** Another call of the same subscriber holds it from now on. Carries the whole lease. */
  | { type: 'lease.moved'; at: Instant; lease: Lease }
  /** What a former process had leased for an agent is there still: from now on this one holds it. Older releases did not say so. */
  | { type: 'lease.carried'; at: Instant; lease: Id<'lse'> }
  /**
   * Carries the whole lease, with `released` and `reason`, so that usage follows from this one record, in whatever order
   * and however often it is read. `review` is set where a crash closed it at the last proven moment.
   */
  | { type: 'lease.released'; at: Instant; lease: Lease; review?: boolean }
  | { type: 'event'; at: Instant; event: PlatformEvent }
  /** Where a telephone is from now on; nowhere when empty. */
  | { type: 'registration'; at: Instant; subscriber: Id<'sub'>; user: string; bindings: Binding[] }
  /** What counts towards the limits of a subscriber's calls out; `null` when it is gone. Opaque to the journal. */
  | { type: 'toll'; at: Instant; subscriber: Id<'sub'>; state: unknown }
  /**
   * Everything that is needed to carry a call on after a crash; `null` when it is over. Opaque to the journal, which numbers what is
   * written of a call. Older releases did not.
   */
  | { type: 'call'; at: Instant; call: Id<'call'>; state: unknown; number?: number }
  /** What has become of that since: it is good only behind the one of the number before. */
  | { type: 'call.changed'; at: Instant; call: Id<'call'>; number: number; changes: PatchStep[] }

/** A record and its position: a number that only grows, from which reading goes on. */
export interface JournalEntry {
  position: number
  record: JournalRecord
}
