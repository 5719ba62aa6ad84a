import type { Leg } from '#platform/switch/index.ts'
import { e164 } from '#platform/trunk/index.ts'
import type { Target } from '#platform/words/index.ts'
import { type IncomingRequest, parseNameAddr, type Replaces, replacesOf, type Session, type SipUri } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import { mayReplace, replacedLeg } from './replaced.ts'
import { PARKING_SECONDS, slotOf } from './slot.ts'
import { isUser } from './user.ts'
import { isFree, type Parking, partnerOf, type Transfer, wish } from './wish.ts'

type Asked = Omit<Transfer, 'by' | 'report'> | Omit<Parking, 'by' | 'report'>

/**
 * A REFER inside a dialog (RFC 3515, RFC 5589): only a call of two joined legs can be transferred, by one at a time. The
 * network may send a call on to the site alone: whoever has called from outside does not place calls at the subscriber's
 * cost (PITFALLS F14).
 */
export function referred(call: Call, leg: Leg, incoming: IncomingRequest): void {
  const asked = read(call, leg, incoming)
  const { session } = leg
  const other = partnerOf(call, leg)
  if (typeof asked === 'number' || !session || !other || !isFree(call)) {
    incoming.respond(typeof asked === 'number' ? asked : 603)
    return
  }
  incoming.respond(202)
  // PITFALLS S26: a transferor may hang up at once, and whoever stays goes on.
  if (leg === call.a) {
    call.promote(other)
    call.save()
  }
  const report: Transfer['report'] = ({ sip, text }) => notify(session, sip, text)
  wish(call, { ...asked, by: leg, report })
}

/** What it asks for, or the status that refuses it. */
function read(call: Call, leg: Leg, incoming: IncomingRequest): Asked | number {
  const uri = uriOf(incoming)
  const replaces = replacesOf(uri?.headers)
  if (!uri || replaces === null) return 400
  const others = uri.headers?.split('&').some((header) => !/^(replaces|require)=/i.test(header))
  if (others || (uri.params.get('method') ?? 'INVITE').toUpperCase() !== 'INVITE') return 501
  if (replaces) return attended(call, leg, replaces)
  return uri.user ? blind(call, leg, uri.user) : 400
}

/** To somebody who is dialled; from the site also into a slot. */
function blind(call: Call, leg: Leg, user: string): Asked | number {
  const slot = leg.facts.via === 'channel' ? slotOf(call, user) : null
  if (slot) return { kind: 'park', slot, timeoutMs: PARKING_SECONDS * 1000, music: null }
  const target = targetOf(call, leg, user)
  return target ? { kind: 'transfer', to: { target } } : 603
}

/** To whom the transferor talks in its other call, which it names by its own dialog there: no other is ever found (S29). */
function attended(call: Call, leg: Leg, replaces: Replaces): Asked | number {
  const { realm, trunk, via } = leg.facts
  const found = replacedLeg(call.x, { realm, trunk, subscriber: call.subscriber.id }, replaces)
  if (!found || found.call === call || !mayReplace(found.leg, leg.facts)) return 481
  const joiner = partnerOf(found.call, found.leg)
  if (!joiner || !isFree(found.call)) return 603
  // Two legs to the network that the network joins would be the subscriber's to pay, with nobody of its own in the call.
  if (via === 'trunk' && joiner.facts.via === 'trunk' && partnerOf(call, leg)?.facts.via === 'trunk') return 603
  return { kind: 'transfer', to: { joiner: { call: found.call, leg: joiner } } }
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
  if (leg.facts.via === 'channel') {
    if (isUser(call.x, call.subscriber, user)) return { user }
    return number?.startsWith('+') && !own && user.length > 6 ? { number } : { pbx: user }
  }
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
