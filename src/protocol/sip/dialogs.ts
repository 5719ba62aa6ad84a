import { token } from '#lib/index.ts'
import type { SipRequest } from './message.ts'
import type { ServerTransaction } from './server-transaction.ts'
import { Slots, slotOf } from './slots.ts'
import { flat } from './text.ts'
import type { Hop } from './types.ts'

/** What a dialog, early or confirmed, is to the requests that come in for it. */
export interface DialogUser {
  /** Nobody else has it: of all dialogs of an INVITE of ours, which share it, only the one that answers first outlives it. */
  readonly localTag: string
  /** Whether these name it, beside its local tag (RFC 3261 §12). */
  isNamed(callId: string, remoteTag: string): boolean
  receive(request: SipRequest, transaction: ServerTransaction): void
  /** Whether a request is newer than all that have been asked for here, so that it can't be one that comes again. */
  isNews?(request: SipRequest): boolean
  /** An ACK, which has no transaction of its own. */
  receiveAck?(ack: SipRequest, source: Hop): void
  /** A 2xx to an INVITE whose transaction is gone: repeats its ACK. */
  repeatAck?(sequence: number): void
}

/** The dialogs of one user agent. A tag of ours says in which place its dialog is ({@link Slots}). */
export class Dialogs {
  readonly #slots = new Slots<DialogUser>()
  /** Those of a former process, and others whose tag tells another place, by it. */
  readonly #others = new Map<string, DialogUser>()

  get size(): number {
    return this.#slots.size + this.#others.size
  }

  /** A tag for the dialog that is added next; for another one it is as good as any. */
  newTag(): string {
    return flat(`${this.#slots.next}x${token(8)}`)
  }

  /** Adds a dialog, or has it take the place of the one with its tag. */
  add(dialog: DialogUser): void {
    const { localTag } = dialog
    const slot = slotOf(localTag, 0)
    if (this.#slots.at(slot)?.localTag === localTag) this.#slots.change(slot, dialog)
    else if (slot === this.#slots.next && !this.#others.has(localTag)) this.#slots.take(dialog)
    else this.#others.set(localTag, dialog)
  }

  find(callId: string, localTag: string, remoteTag: string): DialogUser | undefined {
    const there = this.#slots.at(slotOf(localTag, 0))
    const found = there?.localTag === localTag ? there : this.#others.size > 0 ? this.#others.get(localTag) : undefined
    return found?.isNamed(callId, remoteTag) ? found : undefined
  }

  /** Nothing where another one has taken its place. */
  delete(dialog: DialogUser): void {
    const { localTag } = dialog
    const slot = slotOf(localTag, 0)
    if (this.#slots.at(slot) === dialog) this.#slots.free(slot)
    else if (this.#others.get(localTag) === dialog) this.#others.delete(localTag)
  }

  clear(): void {
    this.#slots.clear()
    this.#others.clear()
  }
}
