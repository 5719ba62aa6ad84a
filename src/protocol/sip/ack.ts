import { buildRequest } from './build.ts'
import type { Core } from './core.ts'
import { type Dialog, requestInside } from './dialog.ts'
import { OutgoingMessage } from './outgoing-message.ts'
import type { AckSnapshot, Hop, ResponseOptions } from './types.ts'

/** The ACK of a 2xx (RFC 3261 §13.2.2.4), which is kept for its repeats (PITFALLS S21). */
export class SentAck {
  readonly sequence: number
  /** Monotonic ms. */
  readonly at: number
  readonly #core: Core
  /** Of which it can be made again, with the dialog; null where it can't. */
  readonly #branch: string | null
  #message: OutgoingMessage
  #hop: Hop
  /** Where it may go, once that is known. */
  #places: readonly Hop[] = []

  private constructor(core: Core, sequence: number, branch: string | null, message: OutgoingMessage, hop: Hop) {
    this.#core = core
    this.#branch = branch
    this.sequence = sequence
    this.#message = message
    this.#hop = hop
    this.at = core.options.clock.now()
  }

  /** Sends it, at once unless it has to be found out where to. */
  static send(core: Core, dialog: Dialog, sequence: number, body?: ResponseOptions['body']): SentAck {
    const branch = core.newBranch()
    const build = (to: Hop) => buildAck(core, dialog, sequence, branch, to, body)
    const first = core.nextHop(dialog)
    const ack = new SentAck(core, sequence, body === undefined ? branch : null, build(first), first)
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
  static former(core: Core, dialog: Dialog, sequence: number, former: AckSnapshot): SentAck {
    const hop = core.nextHop(dialog)
    const { callId, localTag } = dialog
    const ack =
      'branch' in former
        ? new SentAck(core, sequence, former.branch, buildAck(core, dialog, sequence, former.branch, hop), hop)
        : new SentAck(core, sequence, null, new OutgoingMessage({ is: 'ACK', callId, fromTag: localTag }, former.message), hop)
    ack.#places = [hop]
    return ack
  }

  get snapshot(): AckSnapshot {
    return this.#branch === null ? { message: this.#message.text } : { branch: this.#branch }
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

function buildAck(
  core: Core,
  dialog: Dialog,
  sequence: number,
  branch: string,
  to: Hop,
  body?: ResponseOptions['body'],
): OutgoingMessage {
  const parts = requestInside(dialog, 'ACK', sequence, core.via(branch, to))
  parts.body = body
  return buildRequest(parts)
}
