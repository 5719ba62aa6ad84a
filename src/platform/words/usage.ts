import type { Id } from '#lib/index.ts'
import type { Kind, LeaseDetail } from './resource.ts'

/** The billable part of one lease, as a fact. Its id is the lease's: posting it twice has one effect. */
export interface UsageRecord {
  lease: Id<'lse'>
  subscriber: Id<'sub'>
  kind: Kind
  count: number
  /** Whose the lease was: a call's, or the agent's whose version this is. */
  call?: Id<'call'>
  agent?: Id<'agt'>
  leg?: Id<'leg'>
  /** RFC 3339, UTC. When capacity was taken, when it became billable, when it was given back. */
  takenAt: string
  answeredAt: string | null
  releasedAt: string
  /** Billable ms by the monotonic clock; 0 when it was never answered. */
  billableMs: number
  reason: string
  detail: LeaseDetail
  /** Set where a crash closed it at the last proven moment: to be looked at. */
  review: boolean
}
