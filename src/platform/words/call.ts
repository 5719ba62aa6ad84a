import type { Id } from '#lib/index.ts'

/** CSTA connection states (ECMA-269 §6.1.5). */
export type ConnectionState = 'null' | 'initiated' | 'alerting' | 'connected' | 'hold' | 'queued' | 'fail'

export type Direction = 'in' | 'out'

/** Why a leg or a call ended, for machines and people alike: who ended it, in SIP's words, in Q.850's, and in ours. */
export interface CallCause {
  /** Who ended it. */
  by: 'caller' | 'callee' | 'agent' | 'operator' | 'switch' | 'network'
  /** Our own reason; every ending has its own. */
  reason: string
  sip?: number
  q850?: number
  text?: string
  /** Until when it holds, where that is known: seconds from then. */
  retryAfterSeconds?: number
}

/** One end of a call: the number where there is one, what was shown, and the SIP URI as it came. */
export interface Party {
  /** E.164 with `+`, or an extension, or `anonymous`. */
  number: string
  name?: string
  uri?: string
  /**
   * What the carrier has found out about the caller's right to the number (ATIS-1000074, 3GPP TS 24.229 §7.2A.20):
   * `TN-Validation-Passed`, `TN-Validation-Failed` or `No-TN-Validation`. A trunk's word only.
   */
  verstat?: string
}

/** Who sent a call on before it came here, and why: `unconditional`, `user-busy`, `no-answer` … (RFC 5806 §4). */
export interface Diversion {
  number: string
  reason: string
}

/** Where `dial` may send a call. */
export type Target =
  | { pbx: string } // an extension of the site's PBX
  | { user: string } // a registered telephone or computer of the site
  | { number: string } // an E.164 number, over a trunk
  | { trunk: string; number: string } // over this trunk
  | { sip: string } // a SIP URI in the site's network

/** How several targets are dialled. */
export type DialStrategy = 'parallel' | 'serial'

/** Which road a leg takes; `channel` falls back to the trunk where a public number is stored. */
export type Via = 'channel' | 'trunk'

/**
 * What somebody outside may command of a call whose two legs talk, or, to pick it up, that rings; `params` are those of the agent's
 * verb of that name, and for `pickup` who takes it: `by`, a target, and which `leg` has to ring.
 */
export interface CallOrder {
  verb: 'hold' | 'retrieve' | 'transfer' | 'park' | 'pickup'
  params: Record<string, unknown>
}

/** What the API tells of a call that is up. */
export interface CallView {
  id: Id<'call'>
  subscriber: Id<'sub'>
  state: 'setup' | 'verb' | 'joined' | 'ending'
  from: Party
  to: Party
  startedAt: string
  answeredAt?: string
  legs: LegView[]
}

export interface LegView {
  id: Id<'leg'>
  direction: Direction
  state: ConnectionState
  via: Via
  party: Party
}
