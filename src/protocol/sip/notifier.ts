import type { Core } from './core.ts'
import { retryAfter } from './core.ts'
import { contactOf, type Dialog, dialogOfServer, requestInside } from './dialog.ts'
import type { DialogUser } from './dialogs.ts'
import { SipFailure } from './failure.ts'
import { ReceivedRequest, responseParts } from './incoming-request.ts'
import type { SipRequest, SipResponse } from './message.ts'
import type { ServerTransaction } from './server-transaction.ts'
import type { HeaderList, Hop, IncomingRequest, IncomingSubscribe, ResponseOptions, Subscription } from './types.ts'

/** A SUBSCRIBE outside a dialog that waits for its answer (RFC 6665 §4.2.1). */
export class ReceivedSubscribe implements IncomingSubscribe {
  readonly request: SipRequest
  readonly #core: Core
  readonly #transaction: ServerTransaction

  constructor(core: Core, request: SipRequest, transaction: ServerTransaction) {
    this.#core = core
    this.request = request
    this.#transaction = transaction
  }

  get source(): Hop {
    return this.#transaction.source
  }

  refuse(status: number, options?: ResponseOptions): void {
    this.#transaction.respond(responseParts(status, options))
  }

  accept(headers: HeaderList): Subscription {
    const { source, toTag } = this.#transaction
    const contact = this.#core.contact(undefined, source)
    const hop: Hop = source.flow === undefined ? source : { ...source, bound: true }
    const notifier = new Notifier(this.#core, dialogOfServer(this.request, hop, toTag, contact))
    this.#transaction.respond({ status: 200, headers, contact, recordRoute: true })
    return notifier
  }
}

/**
 * The notifier's side of a subscription (RFC 6665 §4.2): a dialog until it is closed. What is told goes back to where the
 * SUBSCRIBE came from: a Contact may be an address that only its sender knows.
 */
class Notifier implements Subscription, DialogUser {
  onRefresh?: ((request: IncomingRequest) => void) | undefined
  readonly #core: Core
  readonly #dialog: Dialog

  constructor(core: Core, dialog: Dialog) {
    this.#core = core
    this.#dialog = dialog
    core.subscriptions.add(this)
  }

  get localTag(): string {
    return this.#dialog.localTag
  }

  isNamed(callId: string, remoteTag: string): boolean {
    return callId === this.#dialog.callId && remoteTag === this.#dialog.remoteTag
  }

  notify({ headers, body }: ResponseOptions): Promise<SipResponse> {
    const sequence = ++this.#dialog.localSequence
    const { contact, hop } = this.#dialog
    const make = (via: string) => ({ ...requestInside(this.#dialog, 'NOTIFY', sequence, via), contact, headers, body })
    return new Promise((resolve, reject) => {
      const onResponse = (response: SipResponse) => response.status >= 200 && resolve(response)
      const onTimeout = () => reject(new SipFailure('timeout', 408))
      this.#core.newClient(hop, { onResponse, onTimeout }, { make }).start()
    })
  }

  receive(request: SipRequest, transaction: ServerTransaction): void {
    const dialog = this.#dialog
    const { source } = transaction
    if (request.method !== 'SUBSCRIBE' || !this.#core.isPeer(dialog, source)) return void transaction.respond({ status: 481 })
    const { sequence } = request.cseq
    // RFC 3261 §12.2.2: out of order.
    if (dialog.remoteSequence !== null && sequence < dialog.remoteSequence)
      return void transaction.respond({ status: 500, headers: [retryAfter()] })
    dialog.remoteSequence = sequence
    // RFC 6665 §4.4.1: it is a target refresh request.
    dialog.remoteTarget = contactOf(request) ?? dialog.remoteTarget
    dialog.hop = source.flow === undefined ? source : { ...source, bound: true }
    this.onRefresh?.(new ReceivedRequest(request, transaction, { contact: dialog.contact }))
  }

  receiveAck(): void {
    // There is no INVITE in this dialog.
  }

  repeatAck(): void {
    // Nor one of ours.
  }

  close(): void {
    this.#core.subscriptions.delete(this)
    this.onRefresh = undefined
  }
}
