import type { ResponseParts } from './build.ts'
import { type Core, retryAfter } from './core.ts'
import { dialogOfServer, hopNow } from './dialog.ts'
import type { DialogUser } from './dialogs.ts'
import { type EarlyUpdates, inOrder, receiveUpdate, sendUpdate } from './early-offer.ts'
import { SipFailure } from './failure.ts'
import { responseParts } from './incoming-request.ts'
import type { SipRequest, SipResponse } from './message.ts'
import { HEADER } from './names.ts'
import { RELIABLE, ReliableProvisionals } from './reliable-provisionals.ts'
import type { Cancellable, ServerTransaction } from './server-transaction.ts'
import { ConfirmedSession } from './session.ts'
import { answerInterval } from './session-interval.ts'
import { cutFree } from './text.ts'
import type { Hop, IncomingInvite, IncomingRequest, IncomingSnapshot, ResponseOptions, Session } from './types.ts'

/** The parts of an answer that makes a dialog: it says where that leads (RFC 3261 §12.1.1). */
function dialogParts(status: number, options: ResponseOptions | undefined, contact: string): ResponseParts {
  return { status, reason: options?.reason, headers: options?.headers, body: options?.body, contact, recordRoute: true }
}

/** An INVITE outside a dialog that waits for its final answer (RFC 3261 §13.3). */
export class ReceivedInvite implements IncomingInvite, Cancellable, DialogUser {
  readonly request: SipRequest
  readonly #core: Core
  readonly #transaction: ServerTransaction
  onCancel?: (() => void) | undefined
  onUpdate?: ((request: IncomingRequest) => void) | undefined
  #cancelled = false
  /** Made with the first request that the caller sends in it. */
  #early: EarlyUpdates | null = null
  /** The offer of the INVITE is no longer what is open. */
  #updated = false
  /** Whether the caller's own word is that responses shall, or can, be reliable. */
  readonly #reliability: 'required' | 'supported' | null
  #reliable: ReliableProvisionals | null = null
  #unacknowledged = false
  /** Of the newest request inside its early dialog. */
  #sequence = 0

  constructor(core: Core, request: SipRequest, transaction: ServerTransaction) {
    this.#core = core
    this.request = request
    this.#transaction = transaction
    // They name the dialog in many places, for longer than anybody needs the rest.
    request.belongsTo(cutFree(request.callId), cutFree(request.fromTag ?? ''))
    this.#reliability = request.lists(HEADER.require, RELIABLE)
      ? 'required'
      : request.lists(HEADER.supported, RELIABLE)
        ? 'supported'
        : null
    // Behind all that may be malformed, so that nothing stays of what is refused.
    core.dialogs.add(this)
    transaction.user = this
  }

  get source(): Hop {
    return this.#transaction.source
  }

  get localTag(): string {
    return this.#transaction.toTag
  }

  isNamed(callId: string, remoteTag: string): boolean {
    return callId === this.request.callId && remoteTag === (this.request.fromTag ?? '')
  }

  get cancelled(): boolean {
    return this.#cancelled
  }

  get finished(): boolean {
    return this.#transaction.finished
  }

  provisional(status: number, options?: ResponseOptions): void {
    const parts = dialogParts(status, options, this.#core.contact(undefined, this.source))
    if (status === 100 || !this.#reliability) {
      this.#transaction.respond(parts)
    } else if (this.request.description.length > 0) {
      this.#reliable ??= new ReliableProvisionals(this.#core, this.request, this.#transaction, () => this.#onUnacknowledged())
      this.#reliable.send(parts)
    } else if (this.#reliability === 'supported') {
      this.#transaction.respond(parts)
    }
    // RFC 3262 §5: a reliable response to an INVITE without offer would have to hold ours; such a caller hears of the end only.
  }

  get settled(): Promise<void> | null {
    return this.#reliable?.settled ?? null
  }

  get unacknowledged(): boolean {
    return this.#unacknowledged
  }

  #onUnacknowledged(): void {
    this.#unacknowledged = true
    this.#abandon(500)
  }

  refuse(status: number, options?: ResponseOptions): void {
    if (!this.#transaction.respond(responseParts(status, options))) return
    this.#core.dialogs.delete(this)
    this.#reliable?.stop()
  }

  accept(options: ResponseOptions & { contact?: string }): Session | null {
    if (this.finished) return null
    const contact = this.#core.contact(options.contact, this.source)
    const timed = answerInterval(this.request)
    const parts = dialogParts(200, options, contact)
    parts.capable = true
    if (timed.kind === 'granted') parts.headers = [...timed.headers, ...(options.headers ?? [])]
    const { source, hop, toTag } = this.#transaction
    const { request } = this
    const bytes = this.#transaction.respond(parts)
    if (!bytes) return null
    this.#reliable?.stop()
    const early = this.#early?.dialog
    const dialog = early ? Object.assign(early, { contact }) : dialogOfServer(request, source, toTag, contact)
    // §12.2.2: what comes again of those before the answer is not news of the session.
    dialog.remoteSequence = Math.max(dialog.remoteSequence ?? 0, this.#sequence)
    if (timed.kind === 'granted') dialog.interval = timed.interval
    const session = new ConfirmedSession(this.#core, dialog, request.description)
    session.awaitAck(request.cseq.sequence, bytes, hop)
    return session
  }

  /** §9.2: the caller has cancelled, or hung up inside the early dialog (§15). */
  cancel(): void {
    this.#abandon(487)
  }

  #abandon(status: number): void {
    if (this.finished) return
    this.refuse(status)
    this.#cancelled = true
    this.onCancel?.()
  }

  receive(request: SipRequest, transaction: ServerTransaction): void {
    if (transaction.source.address !== this.source.address) return void transaction.respond({ status: 481 })
    this.#sequence = Math.max(this.#sequence, request.cseq.sequence)
    switch (request.method) {
      case 'BYE':
        transaction.respond({ status: 200 })
        this.cancel()
        return
      case 'PRACK':
        this.#onPrack(request, transaction)
        return
      case 'INVITE':
        // §14.2: a second INVITE before the answer to the first.
        return void transaction.respond({ status: 500, headers: [retryAfter()] })
      case 'UPDATE':
        this.#onUpdate(request, transaction)
        return
      case 'OPTIONS':
        return void transaction.respond({ status: 200 })
      default:
        return void transaction.respond({ status: 481 })
    }
  }

  /** RFC 3262 §3. An offer in a PRACK is refused: whoever has had our answer can change it by UPDATE. */
  #onPrack(request: SipRequest, transaction: ServerTransaction): void {
    const known = this.#reliable?.acknowledge(request.header('rack')) ?? false
    transaction.respond({ status: !known ? 481 : request.body.length > 0 ? 488 : 200 })
  }

  #onUpdate(request: SipRequest, transaction: ServerTransaction): void {
    const early = this.#updates
    if (inOrder(early.dialog, request, transaction))
      receiveUpdate(early, request, transaction, this.finished ? undefined : this.onUpdate)
  }

  update(body: NonNullable<ResponseOptions['body']>): Promise<SipResponse> {
    if (this.finished) return Promise.reject(new SipFailure('gone', 481))
    const early = this.#updates
    // What nobody has answered yet by an acknowledged description can't be changed.
    return this.#updated ? sendUpdate(this.#core, early, body) : Promise.reject(new SipFailure('refused', 488))
  }

  /** The early dialog; RFC 3311 §5.2: until our answer has been acknowledged the offer of the INVITE is open. */
  get #updates(): EarlyUpdates {
    const { source, toTag } = this.#transaction
    const contact = this.#core.contact(undefined, source)
    this.#early ??= { dialog: dialogOfServer(this.request, source, toTag, contact), open: 'theirs' }
    if (this.#reliable?.answered && !this.#updated) {
      this.#updated = true
      this.#early.open = null
    }
    return this.#early
  }

  snapshot(): IncomingSnapshot {
    return { message: this.request.head, source: hopNow(this.source), localTag: this.#transaction.toTag }
  }
}
