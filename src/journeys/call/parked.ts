import type { Id } from '#lib/index.ts'
import type { Call } from './call.ts'
import type { Exchange } from './exchange.ts'
import type { Joiner } from './wish.ts'

/** How long a call is parked where nobody says otherwise, in seconds. */
export const PARKING_SECONDS = 120

/** A call that waits in a slot for whoever dials it. */
export interface Parked {
  readonly slot: string
  /** Whoever picks it up; false where somebody else was faster. */
  take(joiner: Joiner): boolean
}

/** The call of the subscriber that is parked in this slot. */
export function parkedIn(x: Exchange, subscriber: Id<'sub'>, slot: string): Call | null {
  for (const call of x.calls.values()) {
    if (call.parked?.slot === slot && call.subscriber.id === subscriber && !call.cause) return call
  }
  return null
}

/** Slots that a telephone can send a call to, by a REFER: a star and digits, which no telephone or extension is called. */
export function slotOf(call: Call, user: string): string | null {
  return /^\*\d{1,6}$/.test(user) && !call.x.telephones.knows(call.subscriber.id, user) ? user : null
}
