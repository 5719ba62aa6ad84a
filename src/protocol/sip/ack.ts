import { buildRequest } from './build.ts'
import type { Core } from './core.ts'
import { type Dialog, requestInside } from './dialog.ts'
import { OutgoingMessage } from './outgoing-message.ts'
import type { AckSnapshot, Hop, ResponseOptions } from './types.ts'

/** The ACK of a 2xx (RFC 3261 §13.2.2.4), which is there for its repeats (PITFALLS S21), most of which never come. */
export class SentAck {
  readonly sequence: number
  /** Monotonic ms. */
  readonly at: number
  readonly #core: Core
  readonly #dialog: Dialog
  /** Of which it is made again, with the dialog; null where it can't be. */
  readonly #branch: string | null
  /** Null where it can be made again. */
  #message: OutgoingMessage | null = null
  #hop: Hop
  /** Where it may go, where that is more than one place. */
  #places: readonly Hop[] | null = null
  /** How often it has left. */
  #sent = 0

  private constructor(core: Core, dialog: Dialog, sequence: number, branch: string | null, hop: Hop) {
    this.#core = core
    this.#dialog = dialog
    this.sequence = sequence
    this.#branch = branch
    this.#hop = hop
    this.at = core.options.clock.now()
  }

  /** Sends it, at once unless it has to be found out where to. */
  static send(core: Core, dialog: Dialog, sequence: number, body?: ResponseOptions['body']): SentAck {
    const branch = core.newBranch()
    const place = core.placeOf(dialog)
    const hop = place instanceof Promise ? core.nextHop(dialog) : place
    const ack = new SentAck(core, dialog, sequence, body === undefined ? branch : null, hop)
    if (body !== undefined) ack.#message = buildAck(core, dialog, sequence, branch, hop, body)
    if (!(place instanceof Promise)) {
      ack.#send()
      return ack
    }
    core.whenFound(place, (places) => {
      const [first = hop] = places
      if (body !== undefined && first.transport !== hop.transport)
        ack.#message = buildAck(core, dialog, sequence, branch, first, body)
      ack.#hop = first
      ack.#places = places
      ack.#send()
    })
    return ack
  }

  /** One that a former process has sent. */
  static former(core: Core, dialog: Dialog, sequence: number, former: AckSnapshot): SentAck {
    const { callId, localTag } = dialog
    const ack = new SentAck(core, dialog, sequence, 'branch' in former ? former.branch : null, core.nextHop(dialog))
    if ('message' in former) ack.#message = new OutgoingMessage({ is: 'ACK', callId, fromTag: localTag }, former.message)
    ack.#sent = 1
    return ack
  }

  get snapshot(): AckSnapshot {
    return this.#message ? { message: this.#message.text } : { branch: this.#branch! }
  }

  /** Its 2xx has come again: where there are several servers of the same transport, the next one has the ACK now. */
  repeat(): void {
    // It has not been sent yet.
    if (this.#sent === 0) return
    const same = this.#places?.filter(({ transport }) => transport === this.#hop.transport)
    if (same) this.#hop = same[(same.indexOf(this.#hop) + 1) % same.length]!
    this.#send()
  }

  #send(): void {
    const message = this.#message ?? buildAck(this.#core, this.#dialog, this.sequence, this.#branch!, this.#hop)
    // Made again, it is the same message all the same.
    message.sent = this.#sent++
    this.#core.options.transport.send(message, this.#hop)
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
