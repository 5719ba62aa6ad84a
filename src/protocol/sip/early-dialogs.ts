import { type Core, NOBODY } from './core.ts'
import type { Dialog } from './dialog.ts'
import { type EarlyUpdates, inOrder, receiveUpdate, sendUpdate } from './early-offer.ts'
import { answerByDefault, ReceivedRequest } from './incoming-request.ts'
import { DialogRequest, sendInside } from './inside.ts'
import type { SipRequest, SipResponse } from './message.ts'
import { HEADER } from './names.ts'
import { RELIABLE } from './reliable-provisionals.ts'
import type { ServerTransaction } from './server-transaction.ts'
import type { IncomingRequest, ResponseOptions } from './types.ts'

/** Early dialogs of one INVITE that are kept: forks of more are nobody's honest doing. */
export const MOST_FORKS = 32

/** An INVITE of ours, as offers of its callees need it. */
interface Updated {
  readonly onUpdate?: ((request: IncomingRequest) => void) | undefined
}

/**
 * The early dialogs of an INVITE of ours, one for each fork, as far as reliable provisional responses make them
 * (RFC 3262 §4): each has its own numbers, target and CSeq (PITFALLS S13), and its callee may ask for something in it.
 */
export class EarlyDialogs {
  readonly #core: Core
  /** Made with the first of them: few far ends answer reliably. */
  #dialogs: Map<string, EarlyUpdates & { number: number; answered: boolean }> | null = null
  /** The one that has answered last. */
  #answered: EarlyUpdates | null = null
  /** Told of an offer that a callee makes of its own. */
  #invite: Updated | null

  constructor(core: Core, invite: Updated) {
    this.#core = core
    this.#invite = invite
  }

  /** The number of a response that asks to be acknowledged; one without RSeq gets no PRACK (PITFALLS S08). */
  static numberOf(response: SipResponse): number | null {
    const text = response.header(HEADER.rseq)
    const number = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : null
    return number !== null && response.toTag !== undefined && response.list(HEADER.require).includes(RELIABLE) ? number : null
  }

  /**
   * Acknowledges a reliable provisional response. False for one that has been seen before or came out of
   * order, or of one fork more than are kept: nobody is told of it (§4).
   */
  heard(response: SipResponse, number: number, dialogOf: () => Dialog): boolean {
    const tag = response.toTag ?? ''
    const known = this.#dialogs?.get(tag)
    if (known ? number !== known.number + 1 : (this.#dialogs?.size ?? 0) >= MOST_FORKS) return false
    const early = known ?? { dialog: dialogOf(), number, open: 'ours', answered: false }
    early.number = number
    // RFC 3262 §5: a description in a reliable response is the answer to the offer of our INVITE.
    if (response.description.length > 0) {
      if (early.open === 'ours' && !early.answered) early.open = null
      early.answered = true
      this.#answered = early
    }
    this.#dialogs ??= new Map()
    this.#dialogs.set(tag, early)
    const headers = [['RAck', `${number} ${response.cseq.sequence} INVITE`] as const]
    sendInside(this.#core, early.dialog, new DialogRequest(early.dialog, 'PRACK', NOBODY, { headers }))
    return true
  }

  /**
   * The dialog of a 2xx: where the fork has an early one, that is it from now on, with the route set and the target of the answer
   * (§13.2.2.4). So it counts on, and what is still on its way in it tells where it is.
   */
  confirmed(dialog: Dialog): Dialog {
    const early = this.#dialogs?.get(dialog.remoteTag)?.dialog
    if (!early) return dialog
    const { routeSet, remoteTarget, updates } = dialog
    return Object.assign(early, { routeSet, remoteTarget, updates })
  }

  /** Whether there is one with this fork. */
  has(remoteTag: string): boolean {
    return this.#invite !== null && this.#dialogs?.has(remoteTag) === true
  }

  receive(request: SipRequest, transaction: ServerTransaction): void {
    const early = this.#dialogs?.get(request.fromTag ?? '')
    const known = early && this.#core.isPeer(early.dialog, transaction.source) && IN_EARLY.has(request.method)
    if (!known) return void transaction.respond({ status: 481 })
    if (!inOrder(early.dialog, request, transaction)) return
    if (request.method === 'UPDATE') receiveUpdate(early, request, transaction, this.#invite?.onUpdate)
    else answerByDefault(new ReceivedRequest(request, transaction))
  }

  update(body: ResponseOptions['body']): Promise<SipResponse> {
    return sendUpdate(this.#core, this.#answered, body)
  }

  /** The INVITE has its final answer, or will never have one: nothing is early any more. */
  close(): void {
    this.#invite = null
  }
}

/** What makes sense before the answer, from whoever was called (RFC 3261 §15: no BYE). */
const IN_EARLY: ReadonlySet<string> = new Set(['UPDATE', 'INFO', 'OPTIONS'])
