import { sendCancel } from './cancel.ts'
import type { ClientTransaction, ClientUser } from './client-transaction.ts'
import type { Core } from './core.ts'
import { SipFailure } from './failure.ts'
import type { SipResponse } from './message.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import { type TimerOwner, WheelTimer } from './timer-wheel.ts'
import type { Hop } from './types.ts'

/** An ACK that is kept for the repeats of its 2xx. */
export interface SentAck {
  sequence: number
  message: OutgoingMessage
  hop: Hop
  /** Monotonic ms. */
  at: number
}

/** The session, as a re-INVITE of ours needs it. */
export interface ReinviteOwner {
  /** A 2xx came: refresh the target and acknowledge; null where the ACK follows with an answer of ours. */
  onAccepted(response: SipResponse): SentAck | null
  /** It has its final answer, or 408 for none. */
  onSettled(status: number): void
}

/** A re-INVITE of ours (RFC 3261 §14.1). Rung at for 64*T1 without a final answer, it is cancelled. */
export class SentReinvite implements ClientUser, TimerOwner {
  readonly answered: Promise<SipResponse>
  readonly #core: Core
  readonly #owner: ReinviteOwner
  readonly #outcome = Promise.withResolvers<SipResponse>()
  readonly #patience = new WheelTimer(this)
  #transaction: ClientTransaction | null = null
  #ack: SentAck | null = null
  #accepted = false

  constructor(core: Core, owner: ReinviteOwner) {
    this.#core = core
    this.#owner = owner
    this.answered = this.#outcome.promise
  }

  start(transaction: ClientTransaction): void {
    this.#transaction = transaction
    transaction.start()
  }

  replace(send: () => ClientTransaction): boolean {
    this.#core.transactions.wheel.cancel(this.#patience)
    this.start(send())
    return true
  }

  onResponse(response: SipResponse): void {
    const { wheel, times } = this.#core.transactions
    if (response.status < 200) {
      if (!this.#patience.armed) wheel.arm(this.#patience, times.transaction, 'unanswered')
      return
    }
    wheel.cancel(this.#patience)
    if (response.status < 300) {
      if (this.#accepted) {
        // Its repeats get the same ACK, even when the session is over by then.
        if (this.#ack) this.#core.options.transport.send(this.#ack.message, this.#ack.hop)
        return
      }
      this.#accepted = true
      this.#ack = this.#owner.onAccepted(response)
    }
    this.#owner.onSettled(response.status)
    this.#outcome.resolve(response)
  }

  /** The ACK that carries our answer to their offer. */
  acknowledged(ack: SentAck): void {
    this.#ack = ack
  }

  onTimeout(): void {
    this.#core.transactions.wheel.cancel(this.#patience)
    this.#owner.onSettled(408)
    this.#outcome.reject(new SipFailure('timeout', 408))
  }

  onTimer(): void {
    if (this.#transaction) sendCancel(this.#core, this.#transaction)
  }
}
