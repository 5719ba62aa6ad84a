import { TielineError } from '#lib/index.ts'
import type { SipResponse } from './message.ts'

/**
 * Why a request of ours came to nothing: `refused` by a final answer of 300 or more, `timeout` without any, `cancelled` by
 * us, `gone` with its dialog, `glare` with a request of the other side's (RFC 3261 §14.1).
 */
export type SipFailureReason = 'refused' | 'timeout' | 'cancelled' | 'gone' | 'glare'

/** The end of a request that was not granted. `status` is that of the answer, or the one that says it best. */
export class SipFailure extends TielineError {
  readonly reason: SipFailureReason
  readonly status: number
  readonly response: SipResponse | undefined

  constructor(reason: SipFailureReason, status: number, response?: SipResponse) {
    super(`SIP request failed: ${reason} ${status}`, {
      code: `sip-${reason}`,
      fault: 'peer',
      retry: reason === 'timeout' || reason === 'glare' || status >= 500,
      http: reason === 'timeout' ? 504 : 502,
      sip: status,
    })
    this.name = 'SipFailure'
    this.reason = reason
    this.status = status
    this.response = response
  }
}

/** A text that would break out of its place in a message: CR, LF or NUL in a header, a name that is no token (PITFALLS F09). */
export class SipTextRefused extends TielineError {
  constructor(where: string) {
    super(`Text refused in ${where}`, { code: 'sip-text-refused', fault: 'subscriber', retry: false, http: 400, sip: 500 })
    this.name = 'SipTextRefused'
  }
}
