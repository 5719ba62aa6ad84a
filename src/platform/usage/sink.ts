import type { Id } from '#lib/index.ts'
import type { UsageRecord } from '#platform/words/index.ts'

/** Where usage goes for good. A lease that is there already is passed over: its first record stands. */
export interface UsageSink {
  /** Answers with how many were new. */
  record(usage: readonly UsageRecord[]): Promise<number>
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
