import { ResourceUnavailable } from '#platform/resource/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import { ALLOW, type IncomingRequest, type Session } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import { blame, choiceFor } from './codecs.ts'
import { informed } from './digits.ts'
import { pairAgain } from './pair.ts'
import { referred } from './refer.ts'
import { reinvited, updated } from './renegotiate.ts'
import { causeOfError } from './run.ts'

const SDP = 'application/sdp'

/**
 * The SDP of the 200 for a caller: the answer to its offer, or an offer of ours where it made none (RFC 3261 §13.2.1); in a codec of
 * whom it is to talk to, in this call or in another (`where`), where that can be. @throws NotAcceptable, ResourceUnavailable
 */
export function answerBody(call: Call, leg: Leg, partner: Leg | null = null, where: Call = call): string {
  const media = call.media.get(leg.id)
  if (!media || !leg.incoming) throw new Error('a leg is answered once, and with audio')
  // What it has asked for since by UPDATE stands, and was answered (RFC 3311).
  if (media.updatedBy !== null && media.description !== null) return media.description
  const choice = choiceFor(call, leg, partner, { where })
  try {
    return leg.offer.length > 0 ? media.answer(leg.offer, { choice }) : media.offer(choice)
  } catch (error) {
    throw blame(call, choice, error)
  }
}

/** Listens to what comes inside a leg's dialog. Every change of it is in the journal before it is answered. */
export function watchDialog(call: Call, leg: Leg, session: Session): void {
  const onReinvite: Session['onReinvite'] = (invite) => void reinvited(call, leg, invite)
  const onRequest: Session['onRequest'] = (request) => requested(call, leg, request)
  const describe: Session['describe'] = () => {
    const content = call.media.get(leg.id)?.description ?? leg.description
    return content === null ? undefined : { type: SDP, content }
  }
  session.onReinvite = onReinvite
  session.onRequest = onRequest
  session.describe = describe
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
    pairAgain(call, leg)
  } catch (error) {
    call.log.warn({ err: error, leg: leg.id }, 'the answer in an ACK cannot be used')
    leg.end(error instanceof ResourceUnavailable ? causeOfError(error) : causeOf('switch', 'not-acceptable'))
  }
}

/** INFO, UPDATE, OPTIONS … inside the dialog. */
function requested(call: Call, leg: Leg, incoming: IncomingRequest): void {
  switch (incoming.request.method) {
    case 'OPTIONS':
      incoming.respond(200, { headers: [['Allow', ALLOW]] })
      break
    case 'INFO':
      informed(call, leg, incoming)
      break
    case 'REFER':
      referred(call, leg, incoming)
      break
    case 'UPDATE':
      void updated(call, leg, incoming)
      break
    default:
      incoming.respond(405, { headers: [['Allow', ALLOW]] })
  }
}
