import type { Core } from './core.ts'
import { responseParts } from './incoming-request.ts'
import type { SipRequest } from './message.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import type { Cancellable, ServerTransaction } from './server-transaction.ts'
import { type TimerOwner, WheelTimer } from './timer-wheel.ts'
import type { HeaderList, IncomingReinvite, ResponseOptions } from './types.ts'

const UNANSWERED_MS = 30_000

/** A re-INVITE that waits for its one answer (RFC 3261 §14.2). */
export class ReceivedReinvite implements IncomingReinvite, Cancellable, TimerOwner {
  readonly request: SipRequest
  /** Our Contact of the dialog. */
  contact = ''
  readonly #core: Core
  readonly #transaction: ServerTransaction
  /** Told of the end, with the bytes of the 2xx when there was one. */
  readonly #onAnswered: (accepted: OutgoingMessage | null) => void
  readonly #patience = new WheelTimer(this)
  readonly #acked = Promise.withResolvers<Uint8Array>()
  /** Of our 2xx: the session timer. */
  headers: HeaderList = []

  constructor(
    core: Core,
    request: SipRequest,
    transaction: ServerTransaction,
    onAnswered: (accepted: OutgoingMessage | null) => void,
  ) {
    this.#core = core
    this.request = request
    this.#transaction = transaction
    this.#onAnswered = onAnswered
    transaction.user = this
    core.transactions.wheel.arm(this.#patience, UNANSWERED_MS, 'unanswered')
    transaction.respond({ status: 100 })
  }

  accept(options: ResponseOptions): Promise<Uint8Array> {
    const headers = [...this.headers, ...(options.headers ?? [])]
    const parts = { ...responseParts(200, { ...options, headers }), contact: this.contact, capable: true }
    this.#settle(() => this.#transaction.respond(parts))
    return this.#acked.promise
  }

  /** The ACK of our 2xx has come. */
  acknowledged(body: Uint8Array): void {
    this.#acked.resolve(body)
  }

  refuse(status: number, options?: ResponseOptions): void {
    this.#settle(() => {
      this.#transaction.respond(responseParts(status, options))
      return null
    })
  }

  cancel(): void {
    this.refuse(487)
  }

  onTimer(): void {
    this.refuse(488)
  }

  #settle(answer: () => OutgoingMessage | null): void {
    if (this.#transaction.finished) return
    const accepted = answer()
    this.#core.transactions.wheel.cancel(this.#patience)
    this.#onAnswered(accepted)
  }
}
