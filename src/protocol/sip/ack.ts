import { buildRequest } from './build.ts'
import type { Core } from './core.ts'
import { type Dialog, requestInside } from './dialog.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import type { Hop, ResponseOptions } from './types.ts'

/** The ACK of a 2xx (RFC 3261 §13.2.2.4), which is kept for its repeats (PITFALLS S21). */
export class SentAck {
  readonly sequence: number
  /** Monotonic ms. */
  readonly at: number
  readonly #core: Core
  #message: OutgoingMessage
  #hop: Hop
  /** Where it may go, once that is known. */
  #places: readonly Hop[] = []

  private constructor(core: Core, sequence: number, message: OutgoingMessage, hop: Hop) {
    this.#core = core
    this.sequence = sequence
    this.#message = message
    this.#hop = hop
    this.at = core.options.clock.now()
  }

  /** Sends it, at once unless it has to be found out where to. */
  static send(core: Core, dialog: Dialog, sequence: number, body?: ResponseOptions['body']): SentAck {
    const build = (to: Hop) => {
      const parts = requestInside(dialog, 'ACK', sequence, core.via(core.newBranch(), to))
      parts.body = body
      return buildRequest(parts)
    }
    const first = core.nextHop(dialog)
    const ack = new SentAck(core, sequence, build(first), first)
    core.withPlaces(dialog, (places) => {
      const [hop = first] = places
      if (hop.transport !== first.transport) ack.#message = build(hop)
      ack.#hop = hop
      ack.#places = places
      core.options.transport.send(ack.#message, hop)
    })
    return ack
  }

  /** One that a former process has sent. */
  static former(core: Core, dialog: Dialog, sequence: number, message: OutgoingMessage): SentAck {
    const ack = new SentAck(core, sequence, message, core.nextHop(dialog))
    ack.#places = [ack.#hop]
    return ack
  }

  get text(): string {
    return this.#message.text
  }

  /** Its 2xx has come again: where there are several servers of the same transport, the next one has the ACK now. */
  repeat(): void {
    const same = this.#places.filter(({ transport }) => transport === this.#hop.transport)
    // It has not been sent yet.
    if (same.length === 0) return
    this.#hop = same[(same.indexOf(this.#hop) + 1) % same.length]!
    this.#core.options.transport.send(this.#message, this.#hop)
  }
}
