import type { Id } from '#lib/index.ts'
import type { JournalEntry } from '#platform/words/index.ts'

/** Where usage goes for good: it is given journal entries and keeps what they tell, each lease once by its id. */
export interface UsageSink {
  take(entries: readonly JournalEntry[]): Promise<void>
}

/** Which usage is asked for: released from `from` up to but not including `to`, RFC 3339, after the lease `after`. */
export interface UsageQuery {
  from?: string
  to?: string
  kind?: string
  call?: Id<'call'>
  /** Only what a crash has closed. */
  review?: boolean
  after?: Id<'lse'>
  limit: number
}
