import type { Id } from '#lib/index.ts'
import type { LeaseDetail, LeaseView } from './resource.ts'

/** The billable part of one lease, as a fact. Its id is the lease's: posting it twice has one effect. */
export interface UsageRecord extends LeaseView {
  subscriber: Id<'sub'>
  /** When capacity was given back. */
  releasedAt: string
  /** Billable ms by the monotonic clock; 0 when it was never answered. */
  billableMs: number
  reason: string
  detail: LeaseDetail
  /** Set where a crash closed it at the last proven moment: to be looked at. */
  review: boolean
}
