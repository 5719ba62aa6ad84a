import type { CallCause, DialResult } from '#platform/words/index.ts'

/** One row: our reason, the SIP status that says it to a caller, the Q.850 cause that goes with it. */
interface CauseRow {
  sip: number
  q850: number
  text: string
}

/**
 * Our reasons, one row each: what a caller is told where the reason ends its call. SIP and Q.850 go together as in
 * RFC 3398 §7.2.4.1 and §8.2.6.1, with two departures: nothing but an empty pool, a switch that stops or has just died, and
 * to a site that no trunk serves at the moment, is told as 503, since carriers take a gateway that says 503 out of service for everyone;
 * and a challenge of the far end (401, 407) is never passed on.
 */
export const CAUSES = {
  hangup: { sip: 480, q850: 16, text: 'Normal call clearing' },
  cancelled: { sip: 487, q850: 16, text: 'Request terminated' },
  unallocated: { sip: 404, q850: 1, text: 'Unallocated number' },
  busy: { sip: 486, q850: 17, text: 'User busy' },
  'busy-everywhere': { sip: 600, q850: 17, text: 'Busy everywhere' },
  unavailable: { sip: 480, q850: 18, text: 'No user responding' },
  'no-answer': { sip: 480, q850: 19, text: 'No answer from user' },
  declined: { sip: 603, q850: 21, text: 'Call rejected' },
  rejected: { sip: 603, q850: 21, text: 'Call rejected by the agent' },
  forbidden: { sip: 403, q850: 21, text: 'Call rejected by the far end' },
  moved: { sip: 410, q850: 22, text: 'Number changed' },
  redirected: { sip: 480, q850: 23, text: 'Redirected, which is not followed' },
  'forward-denied': { sip: 480, q850: 21, text: 'Forwarding to this number is not allowed' },
  barred: { sip: 403, q850: 52, text: 'Calls to this number are barred' },
  'toll-limit': { sip: 403, q850: 52, text: 'The limit of calls out is reached' },
  'no-balance': { sip: 403, q850: 21, text: 'The balance is used up' },
  loop: { sip: 482, q850: 25, text: 'Loop detected' },
  'too-many-hops': { sip: 483, q850: 25, text: 'Too many hops' },
  'incomplete-number': { sip: 484, q850: 28, text: 'Invalid number format' },
  'no-trunk': { sip: 502, q850: 38, text: 'Network out of order' },
  'no-response': { sip: 504, q850: 102, text: 'Recovery on timer expiry' },
  'channel-down': { sip: 480, q850: 38, text: 'Network out of order' },
  'temporary-failure': { sip: 500, q850: 41, text: 'Temporary failure' },
  'not-acceptable': { sip: 488, q850: 65, text: 'Bearer capability not implemented' },
  transcoding: { sip: 488, q850: 58, text: 'Bearer capability not presently available' },
  'not-implemented': { sip: 501, q850: 79, text: 'Service or option not implemented' },
  interworking: { sip: 500, q850: 127, text: 'Interworking' },
  ceiling: { sip: 486, q850: 17, text: 'Subscribed resources in use' },
  pool: { sip: 503, q850: 34, text: 'No circuit available' },
  'trunk-pace': { sip: 486, q850: 42, text: 'Switching equipment congestion' },
  'trunk-resting': { sip: 503, q850: 42, text: 'Switching equipment congestion' },
  'no-route': { sip: 404, q850: 3, text: 'No route to destination' },
  'caller-id': { sip: 403, q850: 57, text: 'Caller id not allowed' },
  killed: { sip: 480, q850: 31, text: 'Cleared by the operator' },
  'max-duration': { sip: 480, q850: 31, text: 'Maximum duration reached' },
  'media-silent': { sip: 480, q850: 31, text: 'No media' },
  'media-lost': { sip: 500, q850: 41, text: 'Voice processing lost' },
  'channel-lost': { sip: 480, q850: 27, text: 'Destination out of order' },
  'no-ack': { sip: 408, q850: 102, text: 'The answer was never acknowledged' },
  'no-prack': { sip: 500, q850: 102, text: 'A reliable response was never acknowledged' },
  'session-expired': { sip: 408, q850: 102, text: 'The session was not refreshed in time' },
  'answered-elsewhere': { sip: 487, q850: 26, text: 'Call completed elsewhere' },
  transferred: { sip: 480, q850: 16, text: 'Transferred' },
  parked: { sip: 480, q850: 16, text: 'Parked' },
  'picked-up': { sip: 480, q850: 16, text: 'Has picked up another call' },
  replaced: { sip: 480, q850: 16, text: 'Replaced by another dialog' },
  consulted: { sip: 480, q850: 16, text: 'The consultation is over' },
  joined: { sip: 480, q850: 16, text: 'Joined to another call' },
  split: { sip: 480, q850: 16, text: 'A call of its own' },
  'left-alone': { sip: 480, q850: 16, text: 'No agent goes on with it' },
  'no-dialog': { sip: 481, q850: 101, text: 'No such dialog' },
  'dialog-gone': { sip: 481, q850: 41, text: 'The far end has lost the call' },
  'switch-restart': { sip: 503, q850: 41, text: 'The switch has restarted' },
  'switch-stopped': { sip: 503, q850: 41, text: 'The switch stops' },
  'agent-returned': { sip: 480, q850: 16, text: 'The agent has finished' },
  'subscriber-removed': { sip: 404, q850: 1, text: 'The subscriber is gone' },
  fault: { sip: 500, q850: 41, text: 'A fault in the switch' },
} as const satisfies Record<string, CauseRow>

export type Reason = keyof typeof CAUSES

/** A cause of ours, completed from the table. */
export function causeOf(by: CallCause['by'], reason: Reason, text?: string): CallCause {
  const row = CAUSES[reason]
  return { by, reason, sip: row.sip, q850: row.q850, text: text ?? row.text }
}

/** Our reason for each final status that a far end may give (S46): every status has one. */
function reasonOfStatus(status: number): Reason {
  switch (status) {
    case 400:
    case 481:
    case 500:
    case 503:
      return 'temporary-failure'
    case 401:
    case 402:
    case 403:
    case 407:
      return 'forbidden'
    case 404:
    case 485:
    case 604:
      return 'unallocated'
    case 405:
    case 501:
      return 'not-implemented'
    case 406:
    case 415:
    case 488:
    case 606:
      return 'not-acceptable'
    case 408:
    case 504:
      return 'no-response'
    case 410:
      return 'moved'
    case 480:
      return 'unavailable'
    case 482:
      return 'loop'
    case 483:
      return 'too-many-hops'
    case 484:
      return 'incomplete-number'
    case 486:
      return 'busy'
    case 487:
      return 'cancelled'
    case 502:
      return 'no-trunk'
    case 600:
      return 'busy-everywhere'
    case 603:
      return 'declined'
    default:
      return status < 400 ? 'redirected' : status < 500 ? 'interworking' : 'temporary-failure'
  }
}

/**
 * The cause of a leg that the far end refused. `sip` is the status as it came, for people and records; what a caller is
 * told is {@link toldStatus}. A Q.850 cause in a Reason header (RFC 3326) is kept, since it says more than the status.
 */
export function causeOfStatus(
  status: number,
  by: CallCause['by'],
  options: { phrase?: string; reason?: string | undefined } = {},
): CallCause {
  const reason = reasonOfStatus(status)
  const told = options.reason ? readReason(options.reason) : null
  const text = told?.text ?? options.phrase
  return { by, reason, sip: status, q850: told?.q850 ?? CAUSES[reason].q850, text: text || CAUSES[reason].text }
}

/** Statuses that would ask a carrier for a password, or make it drop us for everyone. */
const NEVER_TOLD: ReadonlySet<number> = new Set([401, 407, 503])

/** The cause of a call that its agent turns away, with the status of its choice. */
export function rejection(status: number | undefined, text: string | undefined): CallCause {
  const cause = causeOf('agent', 'rejected', text)
  if (status === undefined || status < 400 || NEVER_TOLD.has(status)) return cause
  return { ...cause, sip: status, q850: CAUSES[reasonOfStatus(status)].q850 }
}

/** The status with which a caller's INVITE is refused for this cause. */
export function toldStatus(cause: CallCause): number {
  if (cause.reason === 'rejected') return cause.sip ?? CAUSES.rejected.sip
  return cause.reason in CAUSES ? CAUSES[cause.reason as Reason].sip : 500
}

/** Reads `Q.850;cause=17;text="User busy"` (RFC 3326 §2). Null where there is no Q.850 cause. */
export function readReason(value: string): { q850: number; text?: string } | null {
  const cause = /(?:^|,)\s*Q\.850\s*;[^,]*?\bcause\s*=\s*(\d{1,3})/i.exec(value)
  if (!cause) return null
  const text = /\btext\s*=\s*"([^"\\\r\n]{0,80})"/i.exec(value)
  return { q850: Number(cause[1]), ...(text?.[1] ? { text: text[1] } : {}) }
}

/** The Reason header (RFC 3326) that tells this cause. The text is always ours: it crosses no leg (F08, F09). */
export function writeReason(cause: CallCause): string {
  const row = cause.reason in CAUSES ? CAUSES[cause.reason as Reason] : CAUSES.fault
  const q850 = `Q.850;cause=${cause.q850 ?? row.q850};text="${row.text}"`
  // RFC 3326 §2: telephones know by this that they have missed nothing.
  return cause.reason === 'answered-elsewhere' ? `SIP;cause=200;text="${row.text}", ${q850}` : q850
}

/** What a program is told of a dialled leg that was never answered, in TwiML's words. */
export function dialStatus(cause: CallCause): DialResult['status'] {
  switch (cause.reason) {
    case 'busy':
    case 'busy-everywhere':
    case 'declined':
      return 'busy'
    case 'no-answer':
    case 'unavailable':
      return 'no-answer'
    case 'cancelled':
      return 'cancelled'
    default:
      return 'failed'
  }
}
