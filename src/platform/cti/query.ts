import type { Id } from '#lib/index.ts'
import type { PlatformEvent } from '#platform/words/index.ts'

/** Which events to read. */
export interface EventQuery {
  /** One subscriber's stream, whose cursor is the event's number; else the operator's stream of all, with its own cursor. */
  subscriber?: Id<'sub'> | undefined
  call?: Id<'call'> | undefined
  after?: string | undefined
  limit: number
  newestFirst?: boolean
}

/** A page of events in order, each with the cursor to go on from; `next` only when there are more. */
export interface EventPage {
  items: PlatformEvent[]
  cursors: string[]
  next?: string
}

/** Reads what was taken in, in the scope of who asks: the platform's own, or one subscriber's. */
export interface EventReader {
  listEvents(scope: 'platform' | Id<'sub'>, query: EventQuery): Promise<EventPage>
  /** What a reader that has seen everything until now goes on from. */
  newestEvent(scope: 'platform' | Id<'sub'>, subscriber?: Id<'sub'>): Promise<string>
}
