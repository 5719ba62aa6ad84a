import type { Id } from '#lib/index.ts'
import type { EventType } from './event.ts'
import type { Realm } from './voice.ts'

/** One line of a call's trace, as it was seen at `at`, RFC 3339 with milliseconds. Secrets are removed already. */
export type TraceEntry = { at: string; leg?: Id<'leg'> } & (
  | {
      kind: 'sip'
      direction: 'in' | 'out'
      realm: Realm
      transport: string
      /** `address:port` of either end. */
      local: string
      peer: string
      message: string
    }
  | { kind: 'event'; type: EventType; data: Record<string, unknown> }
  | { kind: 'lease'; what: 'taken' | 'answered' | 'released'; lease: Id<'lse'>; resource?: string; reason?: string }
)

/** What the switch knows of a call that is up or was lately; null when it knows nothing, or no more. */
export type CallTrace = { call: Id<'call'>; subscriber: Id<'sub'>; entries: TraceEntry[]; dropped: number } | null

/** An RTCP packet of a call's sound, in the clear. */
export interface SeenControl {
  call: Id<'call'>
  direction: 'in' | 'out'
  bytes: Uint8Array
  /** Ms since the epoch. */
  wall: number
  local: { address: string; port: number }
  peer: { address: string; port: number }
}

/** A SIP message on the wire of one realm, whole, with what it takes to know its dialog. */
export interface SeenMessage {
  realm: Realm
  direction: 'in' | 'out'
  /** As it is on the wire. */
  bytes: Uint8Array
  /**
   * Octets of the session description that it ends with; 0 without a body. Null where a credential is among its headers, or
   * its body is of another type, or anything about it is not certain.
   */
  description: number | null
  /** The method of a request, or the status of a response. */
  is: string | number
  callId: string
  fromTag: string
  transport: string
  local: { address: string; port: number }
  peer: { address: string; port: number }
}
