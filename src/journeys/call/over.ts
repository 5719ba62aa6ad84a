import { placeless, TielineError } from '#lib/index.ts'
import type { CallCause } from '#platform/words/index.ts'

/** The call is over: what its steps and verbs reject with from then on. Not a fault; the call itself knows the cause. */
export class CallOver extends TielineError {
  constructor(cause?: CallCause) {
    super('the call is over', { code: 'call-gone', fault: 'caller', retry: false, http: 410 }, cause ? { cause } : {})
    this.name = 'CallOver'
  }
}

/** Its stack is not taken down: every call ends, and where that was noticed says nothing. */
export function callOver(cause?: CallCause): CallOver {
  return placeless(() => new CallOver(cause))
}

/** The one that steps reject with: made once. */
export const OVER = callOver()

/** A verb that cannot be carried out. */
export function verbError(
  code: 'invalid-argument' | 'verb-failed' | 'interrupted',
  message: string,
  cause?: unknown,
): TielineError {
  const fault = code === 'invalid-argument' ? 'subscriber' : 'system'
  const http = code === 'invalid-argument' ? 400 : 500
  return new TielineError(message, { code, fault, retry: code === 'interrupted', http }, {}, cause === undefined ? {} : { cause })
}

/** Resolves like `promise`, or rejects with the signal's reason as soon as it aborts. */
export function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      promise.catch(() => {})
      reject(signal.reason)
      return
    }
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
