/** What a far end does with a call to one of its numbers. */
export interface Rule {
  /** User part of the request URI that this rule is for; `*` for all others. */
  user: string
  /**
   * `answer` after ringing, `ring` for ever, `silent` (no response at all), `trying` (100 and no more), or a final status.
   */
  does: 'answer' | 'ring' | 'silent' | 'trying' | number
  /** Ms between 180 and 200; default 50. */
  ringMs?: number
  /** Hz that the answering end sends; default silence. */
  tone?: number
  /** Answers with this law first: 0 PCMU (default), 8 PCMA. */
  payload?: 0 | 8
  /** Hangs up so many ms after answering. */
  hangUpAfterMs?: number
  /** Misbehaves: does not answer BYE. */
  ignoreBye?: boolean
  /** Further headers of a refusal, such as where else the call may go. */
  headers?: [string, string][]
}

export interface PlaceOptions {
  /** Where the INVITE goes. */
  to: { address: string; port: number }
  from: string
  number: string
  displayName?: string
  /** Hz sent once there is an answer; default silence. */
  tone?: number
  payload?: 0 | 8
  /** CANCEL so many ms after the INVITE, unless there is a final answer. */
  cancelAfterMs?: number
  /** BYE so many ms after the answer. */
  hangUpAfterMs?: number
  /** Misbehaves: never acknowledges the 200. */
  neverAck?: boolean
  /** Misbehaves: does not answer BYE. */
  ignoreBye?: boolean
  /** Further headers. */
  headers?: [string, string][]
}

export type CallPhase = 'setup' | 'up' | 'ended'

/** All that a far end knows of a call. Times are CLOCK_MONOTONIC, ms. */
export interface CallReport {
  call: string
  direction: 'in' | 'out'
  callId: string
  from: string
  to: string
  phase: CallPhase
  /** Each SIP message: `> INVITE` sent, `< 180` received. */
  timeline: { at: number; what: string }[]
  /** The final answer to the INVITE. */
  final: { status: number; reason: string; headers: Record<string, string> } | null
  /** How it ended: who, and the Reason header of the BYE or CANCEL if there was one. */
  ending: { by: 'local' | 'remote'; what: string; reason: string; at: number } | null
  invitedAt: number
  answeredAt: number | null
  media: import('../audio/stream.ts').StreamReport | null
}
