import type { Clock, Id } from '#lib/index.ts'
import type { JournalRecord, Lease, Prepaid, Tariff, TollClass, TollRules, TollSpent } from '#platform/words/index.ts'
import type { Pricing } from './price.ts'
import type { Limited } from './runs.ts'

/** What the gate is made of; a Snapshot is one. */
export interface TollConfiguration {
  /** Absent where control is of an older release: everything is allowed. */
  tollClasses?: readonly TollClass[]
  tariffs?: readonly Tariff[]
  subscribers: readonly {
    id: Id<'sub'>
    toll?: TollRules
    timeZone?: string
    plan?: string
    spent?: TollSpent
    prepaid?: Prepaid
  }[]
}

/** A lease that is over, and where in the journal that stands. */
export interface Released {
  position: number
  lease: Lease
}

export interface TollOptions {
  clock: Clock
  boot: string
  pricing: Pricing
  /** The journal's `append`: counts have to survive a restart, and events tell of limits. */
  record(record: JournalRecord): void
  /** It ends within 10 s: whoever talks should hear it. */
  warn(leg: Limited): void
  /** A limit is met, or a balance used up: it ends now. */
  cut(leg: Limited): void
  /** Leases that are held. */
  leases(): Iterable<Lease>
  /** What was released behind a position of the journal, until now: in its order, some of it at a time. */
  released(after: number): AsyncIterable<readonly Released[]>
}
