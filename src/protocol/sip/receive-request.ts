import { token } from '#lib/index.ts'
import { buildResponse } from './build.ts'
import type { Core } from './core.ts'
import type { DialogUser } from './dialogs.ts'
import { ReceivedInvite } from './incoming-invite.ts'
import { ReceivedRequest } from './incoming-request.ts'
import type { SipRequest } from './message.ts'
import { ReceivedSubscribe } from './notifier.ts'
import { SipParseError } from './parse-error.ts'
import { checkRules } from './request-checks.ts'
import type { ServerTransaction } from './server-transaction.ts'
import { serverKey } from './transactions.ts'
import type { Hop } from './types.ts'
import { responseRoute } from './via.ts'

/** Where a request goes that has come in: to its transaction, its dialog, or the product. Its syntax has been checked. */
export function receiveRequest(core: Core, request: SipRequest, source: Hop): void {
  const { toTag: tag } = request
  const dialog = tag === undefined ? undefined : dialogOf(core, request, tag)
  if (request.method === 'ACK') {
    receiveAck(core, request, source, dialog)
    return
  }
  const key = serverKey(request)
  const known = dialog?.isNews?.(request) ? undefined : core.transactions.serverOf(key)
  if (known) {
    core.transactions.repeats += 1
    known.repeated()
    return
  }
  if (isRefused(core, request, source, dialog)) return
  if (request.method === 'CANCEL') {
    receiveCancel(core, request, source)
    return
  }
  const transaction = core.transactions.addServer(request, source, tag === undefined ? core.dialogs.newTag() : '', key)
  // §8.2.2.2: the same request over another road.
  if (transaction.merged) return void transaction.respond({ status: 482 })
  try {
    const refusal = checkRules(request)
    if (refusal) transaction.respond(refusal)
    else if (tag === undefined) receiveOutside(core, request, transaction)
    // §12.2.2: PITFALLS S06.
    else if (!dialog) transaction.respond({ status: 481 })
    else dialog.receive(request, transaction)
  } catch (error) {
    // A header that nobody has looked at before: without an answer the transaction would stay for ever.
    if (error instanceof SipParseError) return void transaction.respond({ status: error.status })
    core.log.error({ error }, 'Handling a SIP request failed')
    transaction.respond({ status: 500 })
  }
}

function dialogOf({ dialogs, subscriptions }: Core, { callId, fromTag = '' }: SipRequest, tag: string): DialogUser | undefined {
  return dialogs.find(callId, tag, fromTag) ?? (subscriptions.size > 0 ? subscriptions.find(callId, tag, fromTag) : undefined)
}

/** Whether it is too much at the moment; answered without keeping anything of it, if at all. */
function isRefused(core: Core, request: SipRequest, source: Hop, dialog: DialogUser | undefined): boolean {
  const { refuses } = core.options
  if (!refuses) return false
  const { method } = request
  const inside = method === 'CANCEL' ? core.transactions.inviteOf(request) !== undefined : dialog !== undefined
  const refusal = refuses(request, source, { method, inside, held: core.transactions.heldBy(source) })
  if (refusal === null) return false
  if (refusal !== 'silence') {
    const message = buildResponse(request, { ...refusal, toTag: core.statelessTag })
    core.options.transport.send(message, responseRoute(request, source).hop)
  }
  return true
}

/** §17: an ACK is never answered, whatever is wrong with it (PITFALLS S24). */
function receiveAck(core: Core, ack: SipRequest, source: Hop, dialog: DialogUser | undefined): void {
  // While no refusal waits for its ACK, this is that of a 2xx, whose transaction takes none.
  const known = core.transactions.refusals > 0 ? core.transactions.serverOf(serverKey(ack)) : undefined
  // Some senders keep the branch of the INVITE for the ACK of its 2xx.
  if (known && known.state !== 'Accepted') known.acknowledged()
  else dialog?.receiveAck?.(ack, source)
}

/** §9.2 */
function receiveCancel(core: Core, cancel: SipRequest, source: Hop): void {
  const invite = core.transactions.inviteOf(cancel)
  const meant = invite !== undefined && invite.source.address === source.address
  const transaction = core.transactions.addServer(cancel, source, meant ? invite.toTag : token(8))
  transaction.respond({ status: meant ? 200 : 481 })
  if (meant) invite.user?.cancel()
}

function receiveOutside(core: Core, request: SipRequest, transaction: ServerTransaction): void {
  switch (request.method) {
    case 'INVITE':
      // §17.2.1: at once, so that the sender need not repeat it.
      transaction.respond({ status: 100 })
      core.options.onInvite(new ReceivedInvite(core, request, transaction))
      return
    case 'SUBSCRIBE': {
      const { onSubscribe } = core.options
      if (onSubscribe) onSubscribe(new ReceivedSubscribe(core, request, transaction))
      else core.options.onRequest(new ReceivedRequest(request, transaction))
      return
    }
    case 'BYE':
    case 'INFO':
    case 'UPDATE':
    case 'PRACK':
    case 'REFER':
    case 'NOTIFY':
      // These mean something only inside a dialog (PITFALLS F02).
      return void transaction.respond({ status: 481 })
    default:
      core.options.onRequest(new ReceivedRequest(request, transaction))
  }
}

/** Answers a request that could not be read, without keeping anything of it (§8.2.7); an ACK gets nothing. */
export function answerMalformed(core: Core, error: SipParseError, source: Hop): void {
  const { request } = error
  if (!request || request.method === 'ACK') return
  let hop = source
  try {
    hop = responseRoute(request, source).hop
  } catch {
    // Its Via says nothing that can be read: back to where it came from, if it has one at all.
    if (request.header('via') === undefined) return
  }
  core.options.transport.send(buildResponse(request, { status: error.status, toTag: core.statelessTag }), hop)
}
