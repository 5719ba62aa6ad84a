import type { Core } from './core.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import { Timed } from './timer-wheel.ts'
import type { Hop } from './types.ts'

/** Whose answer it is. */
export interface AnswerOwner {
  /** No ACK has come for 64*T1. */
  onNoAck(): void
}

/**
 * A 2xx of ours to an INVITE, sent again from T1 doubling to T2 until its ACK comes, at most for 64*T1
 * (RFC 3261 §13.3.1.4, PITFALLS S22, S23).
 */
export class AcceptedAnswer extends Timed {
  readonly sequence: number
  readonly message: OutgoingMessage
  readonly #core: Core
  readonly #hop: Hop
  readonly #owner: AnswerOwner
  /** Told of the ACK's body. */
  readonly onAck: ((body: Uint8Array) => void) | undefined
  #interval: number
  /** The tick at which nobody waits any more. */
  readonly #giveUpAt: number

  constructor(
    core: Core,
    owner: AnswerOwner,
    sequence: number,
    message: OutgoingMessage,
    hop: Hop,
    onAck?: (body: Uint8Array) => void,
  ) {
    super()
    this.#core = core
    this.#owner = owner
    this.sequence = sequence
    this.message = message
    this.#hop = hop
    this.onAck = onAck
    const { times, wheel } = core.transactions
    this.#interval = times.t1
    this.#giveUpAt = wheel.tickIn(times.transaction)
    this.#arm()
  }

  #arm(): void {
    const { wheel } = this.#core.transactions
    const repeatAt = wheel.tickIn(this.#interval)
    if (repeatAt < this.#giveUpAt) wheel.armAt(this, repeatAt, 'repeat')
    else wheel.armAt(this, this.#giveUpAt, 'give up')
  }

  onTimer(name: string): void {
    const { times, transport } = this.#core.transactions
    if (name === 'repeat') {
      this.#interval = Math.min(2 * this.#interval, times.t2)
      this.#arm()
      transport.send(this.message, this.#hop)
    } else {
      this.#owner.onNoAck()
    }
  }

  stop(): void {
    this.#core.transactions.wheel.cancel(this)
  }
}
