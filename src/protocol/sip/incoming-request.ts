import type { ResponseParts } from './build.ts'
import type { SipRequest } from './message.ts'
import type { ServerTransaction } from './server-transaction.ts'
import type { Hop, IncomingRequest, ResponseOptions } from './types.ts'

/** The parts of an answer, with its optional things left out where they are absent. */
export function responseParts(status: number, options: ResponseOptions = {}): ResponseParts {
  return { status, reason: options.reason, headers: options.headers, body: options.body }
}

/** A request other than INVITE as the product sees it. */
export class ReceivedRequest implements IncomingRequest {
  readonly request: SipRequest
  readonly #transaction: ServerTransaction
  readonly #onFinal: ((status: number) => void) | undefined

  constructor(request: SipRequest, transaction: ServerTransaction, onFinal?: (status: number) => void) {
    this.request = request
    this.#transaction = transaction
    this.#onFinal = onFinal
  }

  get source(): Hop {
    return this.#transaction.source
  }

  respond(status: number, options?: ResponseOptions): void {
    const sent = this.#transaction.respond(responseParts(status, options))
    if (sent && status >= 200) this.#onFinal?.(status)
  }
}
