import { retryAfter } from './core.ts'
import { contactOf, type Dialog } from './dialog.ts'
import { ReceivedRequest } from './incoming-request.ts'
import type { SipRequest } from './message.ts'
import type { ServerTransaction } from './server-transaction.ts'
import type { IncomingRequest } from './types.ts'

/** An early dialog, as far as UPDATE is concerned (RFC 3311). */
export interface EarlyUpdates {
  dialog: Dialog
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
  const { dialog } = early
  const offers = request.description.length > 0
  const refresh = (status: number) => {
    if (offers) early.open = null
    if (status < 300) dialog.remoteTarget = contactOf(request) ?? dialog.remoteTarget
  }
  const received = new ReceivedRequest(request, transaction, { onFinal: refresh, contact: dialog.contact })
  if (!offers) return void received.respond(request.body.length > 0 ? 415 : 200)
  if (early.open === 'ours') return void transaction.respond({ status: 491 })
  if (early.open === 'theirs') return void transaction.respond({ status: 500, headers: [retryAfter()] })
  if (!onUpdate) return void received.respond(488)
  early.open = 'theirs'
  onUpdate(received)
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
