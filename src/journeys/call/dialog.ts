import type { Leg, LegMedia } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import { type IncomingReinvite, type IncomingRequest, type Session, SipFailure } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'

const SDP = 'application/sdp'

/** The SDP of the 200 for a caller: the answer to its offer, or an offer of ours where it made none (RFC 3261 §13.2.1). */
export function answerBody(call: Call, leg: Leg): string {
  const media = call.media.get(leg.id)
  const invite = leg.incoming
  if (!media || !invite) throw new Error('a leg is answered once, and with audio')
  return invite.request.body.length > 0 ? media.answer(invite.request.body) : media.offer()
}

/** Listens to what comes inside a leg's dialog. Every change of it is in the journal before it is answered. */
export function watchDialog(call: Call, leg: Leg, session: Session): void {
  session.onReinvite = (invite) => void reinvited(call, leg, invite)
  session.onRequest = (request) => requested(call, leg, request)
  void session.acknowledged.then(
    ({ body }) => {
      if (call.media.get(leg.id)?.awaitsAnswer) readLate(call, leg, body)
      leg.touch()
    },
    () => {}, // never acknowledged: the session's end says so
  )
}

/** The answer in the ACK, where our 200 held the offer. */
function readLate(call: Call, leg: Leg, body: Uint8Array): void {
  try {
    call.media.get(leg.id)?.readAnswer(body)
  } catch (error) {
    call.log.warn({ err: error, leg: leg.id }, 'the answer in an ACK cannot be used')
    leg.end(causeOf('switch', 'not-acceptable'))
  }
}

/** A re-INVITE (RFC 3261 §14.2): answered from our own SDP; where audio passes by us, by the other leg. */
async function reinvited(call: Call, leg: Leg, invite: IncomingReinvite): Promise<void> {
  try {
    const media = call.media.get(leg.id)
    const content = media ? renegotiate(call, leg, media, invite.request.body) : await passOn(call, leg, invite.request.body)
    invite.accept({ body: { type: SDP, content } })
  } catch (error) {
    const status = error instanceof SipFailure && error.status !== 408 ? error.status : 488
    invite.refuse(status)
    call.log.info({ leg: leg.id, status }, 'a re-INVITE was refused')
  }
  leg.touch()
}

function renegotiate(call: Call, leg: Leg, media: LegMedia, offer: Uint8Array): string {
  if (offer.length === 0) return media.offer()
  const answer = media.answer(offer)
  if (media.held !== (leg.state === 'hold')) {
    leg.hold(media.held)
    call.log.debug({ leg: leg.id, held: media.held }, 'a leg was held or retrieved')
  }
  return answer
}

/** Audio that passes by us: the offer goes to the other leg, and its answer comes back. */
async function passOn(call: Call, leg: Leg, offer: Uint8Array): Promise<string | Uint8Array> {
  const other = call.legs.find((l) => l !== leg && l.isConnected)?.session
  if (!other || offer.length === 0) throw new SipFailure('refused', 488)
  const answer = await other.reinvite({ type: SDP, content: Buffer.from(offer).toString('utf8') })
  if (answer.status >= 300) throw new SipFailure('refused', answer.status, answer)
  return answer.body
}

/** INFO, UPDATE, OPTIONS … inside the dialog. Nothing crosses to the other leg. */
function requested(call: Call, leg: Leg, incoming: IncomingRequest): void {
  switch (incoming.request.method) {
    case 'OPTIONS':
      incoming.respond(200)
      break
    case 'INFO':
      informed(call, leg, incoming)
      break
    case 'UPDATE':
      updated(call, leg, incoming)
      break
    default:
      incoming.respond(405, { headers: [['Allow', 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE']] })
  }
}

/** DTMF in INFO (S51): `Signal=5` of application/dtmf-relay, or the bare digit of application/dtmf. */
function informed(call: Call, leg: Leg, incoming: IncomingRequest): void {
  const { request } = incoming
  const text = Buffer.from(request.body).toString('latin1')
  const relay = request.contentType === 'application/dtmf-relay' && /^\s*Signal\s*=\s*([0-9A-D*#])\s*$/im.exec(text)
  const bare = request.contentType === 'application/dtmf' && /^\s*([0-9A-D*#])\s*$/i.exec(text)
  const digit = (relay || bare || null)?.[1]?.toUpperCase()
  if (digit) {
    incoming.respond(200)
    digitPressed(call, leg, digit)
  } else if (request.body.length === 0) incoming.respond(200)
  else incoming.respond(415)
}

/** A digit was pressed on a leg. Its value is for the agent alone: a digit may be a secret. */
export function digitPressed(call: Call, leg: Leg, digit: string): void {
  call.event('leg.digits', { leg, data: { count: 1 } })
  if (leg === call.legs[0]) call.x.agents.digit(call.subscriber.id, call.id, digit)
}

/** UPDATE (RFC 3311), as far as it needs no other leg. */
function updated(call: Call, leg: Leg, incoming: IncomingRequest): void {
  const { body } = incoming.request
  if (body.length === 0) {
    incoming.respond(200)
    return
  }
  const media = call.media.get(leg.id)
  try {
    if (!media) throw new SipFailure('refused', 488)
    incoming.respond(200, { body: { type: SDP, content: renegotiate(call, leg, media, body) } })
  } catch {
    incoming.respond(488)
  }
  leg.touch()
}
