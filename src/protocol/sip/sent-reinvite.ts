import type { SentAck } from './ack.ts'
import { sendCancel } from './cancel.ts'
import type { ClientTransaction, ClientUser } from './client-transaction.ts'
import type { Core } from './core.ts'
import { SipFailure } from './failure.ts'
import type { SipResponse } from './message.ts'
import { type TimerOwner, WheelTimer } from './timer-wheel.ts'

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

  begun(transaction: ClientTransaction, ms?: number): void {
    this.#transaction = transaction
    transaction.start(ms)
  }

  replace(send: () => ClientTransaction): boolean {
    this.#core.transactions.wheel.cancel(this.#patience)
    this.begun(send())
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
        this.#ack?.repeat()
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
