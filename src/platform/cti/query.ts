import type { Id } from '#lib/index.ts'

/** Which events to read. */
export interface EventQuery {
  /** One subscriber's stream, whose cursor is the event's number; else the operator's stream of all, with its own cursor. */
  subscriber?: Id<'sub'> | undefined
  call?: Id<'call'> | undefined
  after?: string | undefined
  limit: number
  newestFirst?: boolean
}
