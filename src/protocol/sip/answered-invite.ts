import { buildRequest } from './build.ts'
import type { ClientUser, SentParts } from './client-transaction.ts'
import { type Core, NOBODY } from './core.ts'
import { type Dialog, dialogOfClient, nextHop, requestInside } from './dialog.ts'
import type { EarlyDialogs } from './early-dialogs.ts'
import type { SipResponse } from './message.ts'
import type { SentAck } from './sent-reinvite.ts'
import type { Hop } from './types.ts'

/** What a dialog of an INVITE of ours is made of, besides its response. */
export interface InviteBase {
  sent: SentParts
  hop: Hop
  localTag: string
  contact: string
}

/** The ACK that the 2xx of a fork was given. */
type ForkAck = Pick<SentAck, 'message' | 'hop'>

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
  #first: { tag: string; ack: ForkAck } | null = null
  #others: Map<string, ForkAck> | null = null

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
    dialog.localSequence = this.#early.sequenceOf(response.to.tag ?? '') ?? sequence
    return { dialog, sequence }
  }

  /** Keeps the ACK for the repeats of its 2xx. */
  acknowledged(tag: string, { message, hop }: ForkAck): void {
    const ack = { message, hop }
    if (!this.#first) this.#first = { tag, ack }
    else {
      this.#others ??= new Map()
      this.#others.set(tag, ack)
    }
  }

  onResponse(response: SipResponse): void {
    if (response.status < 200 || response.status > 299) return
    const tag = response.to.tag ?? ''
    const ack = this.#first?.tag === tag ? this.#first.ack : this.#others?.get(tag)
    if (ack) this.#core.options.transport.send(ack.message, ack.hop)
    else this.hangUp(response)
  }

  onTimeout(): void {}

  /** The 2xx of a second fork (PITFALLS S17), or one that crossed our CANCEL (S18): taken, and hung up at once. */
  hangUp(response: SipResponse): void {
    const { dialog, sequence } = this.dialogOf(response)
    const hop = nextHop(dialog)
    const via = this.#core.via(this.#core.newBranch(), hop.transport)
    const message = buildRequest(requestInside(dialog, 'ACK', sequence, via))
    this.acknowledged(response.to.tag ?? '', { message, hop })
    this.#core.options.transport.send(message, hop)
    const renumber = () => {
      dialog.localSequence += 1
    }
    renumber()
    const bye = (via: string) => requestInside(dialog, 'BYE', dialog.localSequence, via)
    this.#core.newClient(hop, NOBODY, bye, renumber).start()
  }
}
