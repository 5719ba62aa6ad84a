import { ResourceUnavailable } from '#platform/resource/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import { ALLOW, type IncomingRequest } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import { blame, choiceFor } from './codecs.ts'
import { informed } from './digits.ts'
import { pairAgain } from './pair.ts'
import { referred } from './refer.ts'
import { updated } from './renegotiate.ts'
import { causeOfError } from './run.ts'

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

/** The ACK of our 200 has come; where that held the offer, with the answer. */
export function acknowledged(call: Call, leg: Leg, body: Uint8Array): void {
  if (call.media.get(leg.id)?.awaitsAnswer) readLate(call, leg, body)
  leg.touch()
}

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
export function requested(call: Call, leg: Leg, incoming: IncomingRequest): void {
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
