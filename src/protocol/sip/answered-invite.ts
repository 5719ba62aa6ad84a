import { SentAck } from './ack.ts'
import type { ClientTransaction, ClientUser, SentParts } from './client-transaction.ts'
import { type Core, NOBODY } from './core.ts'
import { type Dialog, dialogOfClient } from './dialog.ts'
import type { EarlyDialogs } from './early-dialogs.ts'
import { DialogRequest, sendInside } from './inside.ts'
import type { SipResponse } from './message.ts'
import type { Hop } from './types.ts'

/** What we are called in all dialogs of one INVITE of ours. */
export interface OwnName {
  readonly localTag: string
  readonly contact: string
}

/**
 * What is left of an INVITE of ours once a 2xx has answered it: for 64*T1 it gives each repeat its ACK again, and hangs other
 * forks up (RFC 3261 §13.2.2.4). The session and the call behind it, which may be over long before, it does not know.
 */
export class AnsweredInvite implements ClientUser {
  readonly #core: Core
  readonly #sent: SentParts
  readonly #hop: Hop
  readonly #localTag: string
  readonly #contact: string
  readonly #early: EarlyDialogs | null
  /** Of the fork that answered first, and of the others. */
  #firstTag = ''
  #firstAck: SentAck | null = null
  #others: Map<string, SentAck> | null = null

  constructor(core: Core, { sent, hop }: ClientTransaction, { localTag, contact }: OwnName, early: EarlyDialogs | null) {
    this.#core = core
    this.#sent = sent
    this.#hop = hop
    this.#localTag = localTag
    this.#contact = contact
    this.#early = early
  }

  /** The dialog of a 2xx, which goes on counting where its PRACKs stopped, and the number that its ACK has. */
  dialogOf(response: SipResponse): { dialog: Dialog; sequence: number } {
    const dialog = dialogOfClient(this.#sent, this.#localTag, this.#contact, response, this.#hop)
    // §13.2.2.4: the ACK has the number of the INVITE, whatever the PRACKs have counted (PITFALLS S10).
    const { localSequence: sequence } = dialog
    return { dialog: this.#early?.confirmed(dialog) ?? dialog, sequence }
  }

  /** Keeps the ACK for the repeats of its 2xx. */
  acknowledged(tag: string, ack: SentAck): void {
    if (!this.#firstAck) {
      this.#firstTag = tag
      this.#firstAck = ack
    } else {
      this.#others ??= new Map()
      this.#others.set(tag, ack)
    }
  }

  onResponse(response: SipResponse): void {
    if (response.status < 200 || response.status > 299) return
    const tag = response.toTag ?? ''
    const ack = this.#firstAck && this.#firstTag === tag ? this.#firstAck : this.#others?.get(tag)
    if (ack) ack.repeat()
    else this.hangUp(response)
  }

  onTimeout(): void {}

  /** The 2xx of a second fork (PITFALLS S17), or one that crossed our CANCEL (S18): taken, and hung up at once. */
  hangUp(response: SipResponse): void {
    const { dialog, sequence } = this.dialogOf(response)
    this.acknowledged(dialog.remoteTag, SentAck.send(this.#core, dialog, sequence))
    sendInside(this.#core, dialog, new DialogRequest(dialog, 'BYE', NOBODY))
  }
}
