import type { Core } from './core.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import { type TimerOwner, WheelTimer } from './timer-wheel.ts'
import type { Hop } from './types.ts'

/**
 * A 2xx of ours to an INVITE, sent again from T1 doubling to T2 until its ACK comes, at most for 64*T1
 * (RFC 3261 §13.3.1.4, PITFALLS S22, S23).
 */
export class AcceptedAnswer implements TimerOwner {
  readonly sequence: number
  readonly message: OutgoingMessage
  readonly #core: Core
  readonly #hop: Hop
  readonly #onGivenUp: () => void
  /** Told of the ACK's body. */
  readonly onAck: ((body: Uint8Array) => void) | undefined
  readonly #repeat = new WheelTimer(this)
  readonly #life = new WheelTimer(this)
  #interval: number

  constructor(
    core: Core,
    sequence: number,
    message: OutgoingMessage,
    hop: Hop,
    onGivenUp: () => void,
    onAck?: (body: Uint8Array) => void,
  ) {
    this.#core = core
    this.sequence = sequence
    this.message = message
    this.#hop = hop
    this.#onGivenUp = onGivenUp
    this.onAck = onAck
    const { times, wheel } = core.transactions
    this.#interval = times.t1
    wheel.arm(this.#repeat, times.t1, 'repeat')
    wheel.arm(this.#life, times.transaction, 'give up')
  }

  onTimer(name: string): void {
    const { times, wheel, transport } = this.#core.transactions
    if (name === 'repeat') {
      this.#interval = Math.min(2 * this.#interval, times.t2)
      wheel.arm(this.#repeat, this.#interval, 'repeat')
      transport.send(this.message, this.#hop)
    } else {
      this.stop()
      this.#onGivenUp()
    }
  }

  stop(): void {
    this.#core.transactions.wheel.cancel(this.#repeat)
    this.#core.transactions.wheel.cancel(this.#life)
  }
}
