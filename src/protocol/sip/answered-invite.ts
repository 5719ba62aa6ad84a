import { SentAck } from './ack.ts'
import type { ClientUser, SentParts } from './client-transaction.ts'
import { type Core, NOBODY } from './core.ts'
import { type Dialog, dialogOfClient, requestInside } from './dialog.ts'
import type { EarlyDialogs } from './early-dialogs.ts'
import { sendInside } from './inside.ts'
import type { SipResponse } from './message.ts'
import type { Hop } from './types.ts'

/** What a dialog of an INVITE of ours is made of, besides its response. */
export interface InviteBase {
  sent: SentParts
  hop: Hop
  localTag: string
  contact: string
}

/** The dialog that a response to an INVITE of ours begins or belongs to. */
export function dialogOfResponse({ sent, hop, localTag, contact }: InviteBase, response: SipResponse): Dialog {
  // A large INVITE may have gone by TCP; what follows is small again (PITFALLS S38).
  const to: Hop = hop.large ? { ...hop, transport: 'udp' } : hop
  return dialogOfClient(sent, localTag, contact, response, to)
}

/**
 * What is left of an INVITE of ours once a 2xx has answered it: for 64*T1 it gives each repeat its ACK again, and hangs other
 * forks up (RFC 3261 §13.2.2.4). The session and the call behind it, which may be over long before, it does not know.
 */
export class AnsweredInvite implements ClientUser {
  readonly #core: Core
  readonly #base: InviteBase
  readonly #early: EarlyDialogs
  /** Of the fork that answered first, and of the others. */
  #firstTag = ''
  #firstAck: SentAck | null = null
  #others: Map<string, SentAck> | null = null

  constructor(core: Core, base: InviteBase, early: EarlyDialogs) {
    this.#core = core
    this.#base = base
    this.#early = early
  }

  /** The dialog of a 2xx, which goes on counting where its PRACKs stopped, and the number that its ACK has. */
  dialogOf(response: SipResponse): { dialog: Dialog; sequence: number } {
    const dialog = dialogOfResponse(this.#base, response)
    // §13.2.2.4: the ACK has the number of the INVITE, whatever the PRACKs have counted (PITFALLS S10).
    const { localSequence: sequence } = dialog
    return { dialog: this.#early.confirmed(dialog), sequence }
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
    const renumber = () => {
      dialog.localSequence += 1
    }
    renumber()
    const make = (via: string) => requestInside(dialog, 'BYE', dialog.localSequence, via)
    sendInside(this.#core, dialog, { user: NOBODY, make, renumber })
  }
}
