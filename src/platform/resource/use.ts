import type { Id } from '#lib/index.ts'
import type { Kind } from '#platform/words/index.ts'

/** How much of a kind is in use, and by whom. */
export interface ResourceUse {
  kind: Kind
  capacity: number
  inUse: number
  bySubscriber: { subscriber: Id<'sub'>; inUse: number; guaranteed: number; ceiling: number }[]
}
