import { type Core, NOBODY } from './core.ts'
import { type Dialog, requestInside } from './dialog.ts'
import { sendInside } from './inside.ts'
import type { SipResponse } from './message.ts'
import { RELIABLE } from './reliable-provisionals.ts'

/**
 * The early dialogs of an INVITE of ours, one for each fork, as far as reliable provisional responses make them
 * (RFC 3262 §4): each has its own numbers, target and CSeq (PITFALLS S13).
 */
export class EarlyDialogs {
  readonly #core: Core
  /** Made with the first of them: few far ends answer reliably. */
  #dialogs: Map<string, { dialog: Dialog; number: number }> | null = null

  constructor(core: Core) {
    this.#core = core
  }

  /**
   * Acknowledges a provisional response where it asks for that. False for one that has been seen before or came out of
   * order: nobody is told of it (§4). A response without RSeq gets no PRACK (PITFALLS S08).
   */
  receive(response: SipResponse, dialogOf: () => Dialog): boolean {
    const text = response.header('rseq')
    const number = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : null
    const tag = response.to.tag
    if (number === null || tag === undefined || !response.list('require').includes(RELIABLE)) return true
    const known = this.#dialogs?.get(tag)
    if (known && number !== known.number + 1) return false
    const early = known ?? { dialog: dialogOf(), number }
    early.number = number
    this.#dialogs ??= new Map()
    this.#dialogs.set(tag, early)
    let sequence = ++early.dialog.localSequence
    const renumber = () => {
      sequence = ++early.dialog.localSequence
    }
    const headers = [['RAck', `${number} ${response.cseq.sequence} INVITE`] as const]
    const make = (via: string) => ({ ...requestInside(early.dialog, 'PRACK', sequence, via), headers })
    sendInside(this.#core, early.dialog, { user: NOBODY, make, renumber })
    return true
  }

  /** The CSeq number that the fork's dialog has come to. */
  sequenceOf(tag: string): number | undefined {
    return this.#dialogs?.get(tag)?.dialog.localSequence
  }
}
