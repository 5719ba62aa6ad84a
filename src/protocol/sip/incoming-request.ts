import type { ResponseParts } from './build.ts'
import { ALLOW } from './capabilities.ts'
import type { SipRequest } from './message.ts'
import type { ServerTransaction } from './server-transaction.ts'
import type { HeaderList, Hop, IncomingRequest, ResponseOptions } from './types.ts'

/** The parts of an answer, with its optional things left out where they are absent. */
export function responseParts(status: number, options: ResponseOptions = {}): ResponseParts {
  return { status, reason: options.reason, headers: options.headers, body: options.body }
}

/** A request other than INVITE as the product sees it. */
export class ReceivedRequest implements IncomingRequest {
  readonly request: SipRequest
  readonly #transaction: ServerTransaction
  readonly #onFinal: ((status: number) => void) | undefined
  /** Of a 2xx alone. */
  readonly #headers: HeaderList
  /** Of a 2xx to a target refresh request (RFC 3311 §5.2). */
  readonly #contact: string | undefined

  constructor(
    request: SipRequest,
    transaction: ServerTransaction,
    more: { onFinal?: (status: number) => void; headers?: HeaderList; contact?: string } = {},
  ) {
    this.request = request
    this.#transaction = transaction
    this.#onFinal = more.onFinal
    this.#headers = more.headers ?? []
    this.#contact = more.contact
  }

  get source(): Hop {
    return this.#transaction.source
  }

  respond(status: number, options?: ResponseOptions): void {
    const parts = responseParts(status, options)
    const accepted = status >= 200 && status < 300
    const more = accepted && this.#headers.length > 0 ? { headers: [...this.#headers, ...(parts.headers ?? [])] } : {}
    const at = accepted && this.#contact !== undefined ? { contact: this.#contact } : {}
    const all = { ...parts, ...more, ...at }
    const sent = this.#transaction.respond(all)
    if (sent && status >= 200) this.#onFinal?.(status)
  }
}

/** What a request inside a dialog gets when the product does not care for such. */
export function answerByDefault(received: ReceivedRequest): void {
  const { method, body } = received.request
  const empty = body.length === 0
  // RFC 2976 §2.2: INFO without body is a sign of life. RFC 3311: so is UPDATE without an offer.
  if (method === 'OPTIONS' || ((method === 'INFO' || method === 'UPDATE') && empty)) received.respond(200)
  else if (method === 'INFO') received.respond(415)
  else if (method === 'UPDATE') received.respond(488)
  else received.respond(405, { headers: [['Allow', ALLOW]] })
}
