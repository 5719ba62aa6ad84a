import type { Leg } from '#platform/switch/index.ts'
import type { CallCause, DialResult, PromptSource, Target } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import type { Ears } from './ears.ts'

/** Who comes into a call from another call of the same subscriber. */
export interface Joiner {
  call: Call
  leg: Leg
}

/** Tells whoever has asked how it goes; resolves when that has been heard, or cannot be. A final status is the last. */
type Report = (progress: { sip: number; text: string; cause?: CallCause }) => Promise<void>

/**
 * What one of two joined legs, the agent or somebody from outside asks for: that the other one goes on with somebody else,
 * who is dialled (blind) or is in another call already (attended, RFC 5589 §7).
 */
export interface Transfer {
  kind: 'transfer'
  by: Leg
  to: { target: Target; ears?: Ears | null } | { joiner: Joiner }
  report: Report
}

/** The caller waits in a slot, and `by` is let go; it is rung back when nobody has come after `timeoutMs`. */
export interface Parking {
  kind: 'park'
  by: Leg
  slot: string
  timeoutMs: number
  music: PromptSource | null
  report: Report
}

/** The dialled leg talks to somebody else, while the caller is held. */
export interface Consultation {
  kind: 'consult'
  target: Target
  timeoutMs: number
  callerId: string | undefined
  music: PromptSource | null
  ears: Ears | null
  report(result: { status: DialResult['status']; cause?: CallCause }): void
}

/** The dialled leg goes on as a call of its own. */
export interface Split {
  kind: 'split'
  /** Takes the dialled leg out of the call. */
  begin(b: Leg): void
}

export type Wish = Transfer | Parking | Consultation | Split

/** Puts a wish to the call's own function. @returns whether there are two joined legs that are free for it */
export function wish(call: Call, what: Wish): boolean {
  if (!isFree(call)) return false
  call.wish = what
  call.carrying?.asked(what)
  return true
}

/** Whether two joined legs talk, and nothing else is being done with them. */
export function isFree(call: Call): boolean {
  return call.phase === 'joined' && call.wish === null && !call.cause
}

/** Whom a leg talks to. */
export function partnerOf(call: Call, leg: Leg): Leg | undefined {
  return call.legs.find((candidate) => candidate !== leg && candidate.isConnected)
}
