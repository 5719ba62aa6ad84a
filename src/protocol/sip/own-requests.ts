import { SentAck } from './ack.ts'
import type { Core } from './core.ts'
import type { Dialog } from './dialog.ts'
import { SipFailure } from './failure.ts'
import { DialogRequest, type Extra, type InsideRequest, sendInside } from './inside.ts'
import type { SipResponse } from './message.ts'
import { SentReinvite } from './sent-reinvite.ts'
import type { HeaderList, ResponseOptions } from './types.ts'

/** The session, as its own requests need it. */
export interface RequestOwner {
  /** A 2xx to a target refresh request. */
  refreshed(response: SipResponse): void
  /** The far end has answered, and knows of the dialog. */
  heard(): void
  /** The status of a final answer, or 408 for none: it may be the end of the dialog (§12.2.1.2). */
  judge(status: number): void
  /** Keeps the ACK for the repeats of its 2xx. */
  acks(ack: SentAck): void
}

/** What we send inside a confirmed dialog (RFC 3261 §12.2.1, §14.1). */
export class OwnRequests {
  /** Our own re-INVITE is without its final answer. */
  inviting = false
  readonly #core: Core
  readonly #dialog: Dialog
  readonly #owner: RequestOwner
  /** A 2xx with an offer, which waits for our answer in its ACK. */
  #late: { sent: SentReinvite; sequence: number } | null = null

  constructor(core: Core, dialog: Dialog, owner: RequestOwner) {
    this.#core = core
    this.#dialog = dialog
    this.#owner = owner
  }

  send(method: string, user: InsideRequest['user'], extra: Extra | null = null): void {
    sendInside(this.#core, this.#dialog, new DialogRequest(this.#dialog, method, user, extra))
  }

  request(method: string, options: ResponseOptions): Promise<SipResponse> {
    const target = method === 'UPDATE' || method === 'NOTIFY' ? { contact: this.#dialog.contact } : {}
    // A subscription that the far end has forgotten is not the end of its call (RFC 5057 §5.1).
    const judge = (status: number) => method !== 'NOTIFY' && this.#owner.judge(status)
    return new Promise((resolve, reject) => {
      const onResponse = (response: SipResponse) => {
        if (response.status !== 481) this.#owner.heard()
        if (response.status < 200) return
        if (method === 'UPDATE' && response.status < 300) this.#owner.refreshed(response)
        judge(response.status)
        resolve(response)
      }
      const onTimeout = () => {
        judge(408)
        reject(new SipFailure('timeout', 408))
      }
      this.send(method, { onResponse, onTimeout }, { headers: options.headers, body: options.body, ...target })
    })
  }

  /** Without a body the far end makes the offer, and {@link acknowledge} has to give the answer. */
  reinvite(body: ResponseOptions['body'] | null, headers: HeaderList): Promise<SipResponse> {
    this.inviting = true
    const sent = new SentReinvite(this.#core, {
      onAccepted: (response) => {
        this.#owner.heard()
        this.#owner.refreshed(response)
        const { sequence } = response.cseq
        if (body) return this.ack(sequence)
        this.#late = { sent, sequence }
        return null
      },
      onSettled: (status) => {
        this.inviting = false
        this.#owner.judge(status)
      },
    })
    const extra = { capable: true, headers, contact: this.#dialog.contact, ...(body ? { body } : {}) }
    this.send('INVITE', sent, extra)
    return sent.answered
  }

  /** The ACK of a re-INVITE that was sent without an offer. */
  acknowledge(body: ResponseOptions['body']): void {
    const late = this.#late
    this.#late = null
    if (late) late.sent.acknowledged(this.ack(late.sequence, body))
  }

  /** Acknowledges a 2xx of theirs. */
  ack(sequence: number, body?: ResponseOptions['body']): SentAck {
    const ack = SentAck.send(this.#core, this.#dialog, sequence, body)
    this.#owner.acks(ack)
    return ack
  }
}
