import type { ClientUser } from './client-transaction.ts'
import { type Core, retryAfter } from './core.ts'
import { contactOf, type Dialog } from './dialog.ts'
import { SipFailure } from './failure.ts'
import { ReceivedRequest } from './incoming-request.ts'
import { DialogRequest, sendInside } from './inside.ts'
import type { SipRequest, SipResponse } from './message.ts'
import type { ServerTransaction } from './server-transaction.ts'
import type { IncomingRequest, ResponseOptions } from './types.ts'

/** An early dialog, as far as UPDATE is concerned (RFC 3311). */
export interface EarlyUpdates {
  /** Once the INVITE is answered, it is the confirmed one. */
  readonly dialog: Dialog
  /** Whose offer has no answer yet: that of the INVITE, or of an UPDATE. */
  open: 'ours' | 'theirs' | null
}

/**
 * An UPDATE of the far end in an early dialog (RFC 3311 §5.2). One without an offer only moves its target; an offer beside an open
 * one of ours gets 491, beside an open one of theirs 500, and else is the product's to answer.
 */
export function receiveUpdate(
  early: EarlyUpdates,
  request: SipRequest,
  transaction: ServerTransaction,
  onUpdate: ((request: IncomingRequest) => void) | undefined,
): void {
  const offers = request.description.length > 0
  const refresh = (status: number) => {
    if (offers) early.open = null
    if (status < 300) refreshTarget(early.dialog, request)
  }
  const received = new ReceivedRequest(request, transaction, { onFinal: refresh, contact: early.dialog.contact })
  if (!offers) return void received.respond(request.body.length > 0 ? 415 : 200)
  if (early.open === 'ours') return void transaction.respond({ status: 491 })
  if (early.open === 'theirs') return void transaction.respond({ status: 500, headers: [retryAfter()] })
  if (!onUpdate) return void received.respond(488)
  early.open = 'theirs'
  onUpdate(received)
}

/**
 * An UPDATE of ours in an early dialog (RFC 3311 §5.1), with an offer. Rejects with SipFailure: `glare` while another offer is open,
 * `refused` where the far end does not take UPDATE.
 */
export function sendUpdate(core: Core, early: EarlyUpdates | null, body: ResponseOptions['body']): Promise<SipResponse> {
  if (!early?.dialog.updates) return Promise.reject(new SipFailure('refused', 488))
  if (early.open) return Promise.reject(new SipFailure('glare', 491))
  early.open = 'ours'
  const { contact } = early.dialog
  return new Promise((resolve, reject) => {
    const user: ClientUser = {
      onResponse(response) {
        if (response.status < 200) return
        early.open = null
        if (response.status < 300) refreshTarget(early.dialog, response)
        resolve(response)
      },
      onTimeout() {
        early.open = null
        reject(new SipFailure('timeout', 408))
      },
    }
    sendInside(core, early.dialog, new DialogRequest(early.dialog, 'UPDATE', user, { contact, body }))
  })
}

function refreshTarget(dialog: Dialog, message: SipRequest | SipResponse): void {
  dialog.remoteTarget = contactOf(message) ?? dialog.remoteTarget
}

/** §12.2.2: whether a request of the far end is behind all that have come before it; one that is not gets 500. */
export function inOrder(dialog: Dialog, request: SipRequest, transaction: ServerTransaction): boolean {
  const { sequence } = request.cseq
  if (dialog.remoteSequence !== null && sequence < dialog.remoteSequence) {
    transaction.respond({ status: 500, headers: [retryAfter()] })
    return false
  }
  dialog.remoteSequence = sequence
  return true
}
