import type { Leg } from '#platform/switch/index.ts'
import { e164 } from '#platform/trunk/index.ts'
import type { CallCause, Target } from '#platform/words/index.ts'
import { type IncomingRequest, parseNameAddr, type Session, type SipUri } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'

/** What one far end of two joined legs asks for: that the other one goes on with somebody else (RFC 3515, RFC 5589). */
export interface Transfer {
  by: Leg
  target: Target
  /** Tells how it goes; resolves when that has been heard, or cannot be. A final status is the last. */
  report(progress: { sip: number; text: string; cause?: CallCause }): Promise<void>
}

/**
 * A REFER inside a dialog. Only a call of two joined legs can be transferred, by one at a time. The network may send a
 * call on to the site alone: whoever has called from outside does not place calls at the subscriber's cost (PITFALLS F14).
 */
export function referred(call: Call, leg: Leg, incoming: IncomingRequest): void {
  const uri = uriOf(incoming)
  if (!uri?.user) {
    incoming.respond(400)
    return
  }
  // A dialog of another call is not taken over (PITFALLS S29).
  if (uri.headers !== undefined || (uri.params.get('method') ?? 'INVITE').toUpperCase() !== 'INVITE') {
    incoming.respond(501)
    return
  }
  const target = targetOf(call, leg, uri.user)
  const { session } = leg
  if (!target || !session || call.phase !== 'joined' || call.transfer) {
    incoming.respond(603)
    return
  }
  incoming.respond(202)
  const other = call.legs.find((candidate) => candidate !== leg && candidate.isConnected)
  // PITFALLS S26: a transferor may hang up at once, and whoever stays goes on.
  if (leg === call.a && other) {
    call.promote(other)
    call.save()
  }
  call.transfer = { by: leg, target, report: ({ sip, text }) => notify(session, sip, text) }
  call.onTransfer?.(call.transfer)
}

function uriOf({ request }: IncomingRequest): SipUri | null {
  try {
    return parseNameAddr(request.header('refer-to') ?? '').uri
  } catch {
    return null
  }
}

function targetOf(call: Call, leg: Leg, user: string): Target | null {
  const number = e164(user)
  const own = call.subscriber.numbers.some((n) => n.number === number)
  if (leg.facts.via === 'channel') return number?.startsWith('+') && !own && user.length > 6 ? { number } : { pbx: user }
  if (own || !call.subscriber.site.pbx) return null
  return number && user.startsWith('+') ? null : { pbx: user }
}

async function notify(session: Session, status: number, reason: string): Promise<void> {
  const state = status < 200 ? 'active;expires=120' : 'terminated;reason=noresource'
  const headers: [string, string][] = [
    ['Event', 'refer'],
    ['Subscription-State', state],
  ]
  const body = { type: 'message/sipfrag;version=2.0', content: `SIP/2.0 ${status} ${reason}\r\n` }
  // Whoever has hung up meanwhile does not want to know (PITFALLS S28).
  await session.request('NOTIFY', { headers, body }).catch(() => {})
}
