import { ResourceUnavailable } from '#platform/resource/index.ts'
import type { Leg, LegMedia } from '#platform/switch/index.ts'
import { AUDIO_CODECS, negotiate } from '#protocol/sdp/index.ts'
import { type IncomingReinvite, type IncomingRequest, type Session, SipFailure } from '#protocol/sip/index.ts'
import { bringOver } from './bring-over.ts'
import type { Call } from './call.ts'
import { blame, choiceFor, heardBy, type Pairing } from './codecs.ts'
import { pairAgain } from './pair.ts'
import { causeOfError } from './run.ts'

const SDP = 'application/sdp'

/**
 * A re-INVITE (RFC 3261 §14.2): answered from our own SDP, so that each leg is held and moved by itself; where audio passes
 * by us, the other leg answers. Whatever is refused leaves all as it was.
 */
export async function reinvited(call: Call, leg: Leg, invite: IncomingReinvite): Promise<void> {
  try {
    const offer = invite.request.description
    const media = call.media.get(leg.id)
    if (media) await answerOurselves(call, leg, media, invite)
    else if (offer.length > 0) {
      const content = await passOn(call, leg, offer)
      leg.description = content
      void invite.accept({ body: { type: SDP, content } })
      noteHold(call, leg, offer)
    } else await passOnLate(call, leg, invite)
  } catch (error) {
    const status = statusOf(error)
    invite.refuse(status)
    call.log.info({ leg: leg.id, status }, 'a re-INVITE was refused')
  }
  leg.touch()
}

/** UPDATE (RFC 3311): a refresh without a body; with one, an offer like that of a re-INVITE. */
export async function updated(call: Call, leg: Leg, incoming: IncomingRequest): Promise<void> {
  const { description: body } = incoming.request
  if (body.length === 0) {
    incoming.respond(200)
    return
  }
  try {
    const media = call.media.get(leg.id)
    const content = media ? answerAgain(call, leg, media, body) : await passOn(call, leg, body)
    if (!media) leg.description = content
    incoming.respond(200, { body: { type: SDP, content } })
    noteHold(call, leg, body)
  } catch (error) {
    incoming.respond(statusOf(error))
  }
  leg.touch()
}

/**
 * An offer by UPDATE before the answer, behind an answer that was sent reliably (RFC 3311): answered from our own SDP. `said` is that
 * answer of a callee's, which nobody has read yet where nothing is heard of it.
 */
export function updatedEarly(call: Call, leg: Leg, incoming: IncomingRequest, said: Uint8Array | null): void {
  const { description: body, from } = incoming.request
  const media = call.media.get(leg.id)
  try {
    if (!media || leg.cause) throw new SipFailure('refused', 488)
    if (said && media.codec === null) media.readAnswer(said)
    const content = answerAgain(call, leg, media, body, leg.incoming ? '' : (from.tag ?? ''))
    incoming.respond(200, { body: { type: SDP, content } })
  } catch (error) {
    incoming.respond(statusOf(error))
  }
  leg.touch()
}

/**
 * The same where audio passes by us: the other leg is asked, if it can be before its answer (RFC 3311 §5.1), and what either was told
 * last stands.
 */
export async function passOnEarly(call: Call, leg: Leg, other: Leg, incoming: IncomingRequest): Promise<void> {
  try {
    const asked = other.incoming ?? other.outgoing
    if (!asked || leg.cause) throw new SipFailure('refused', 488)
    const content = Buffer.from(incoming.request.description).toString('utf8')
    const answer = await asked.update({ type: SDP, content })
    if (answer.status >= 300) throw new SipFailure('refused', answer.status, answer)
    if (answer.description.length === 0) throw new SipFailure('refused', 488, answer)
    other.description = content
    leg.offered = content
    leg.description = Buffer.from(answer.description).toString('utf8')
    const fork = leg.outgoing ? incoming.request.fromTag : answer.toTag
    for (const told of [leg, other]) told.describedBy = fork ?? null
    incoming.respond(200, { body: { type: SDP, content: leg.description } })
  } catch (error) {
    incoming.respond(statusOf(error))
    call.log.info({ leg: leg.id, status: statusOf(error) }, 'an offer before the answer was refused')
  }
}

/** What a far end is told that wanted something else: the other leg's word where that was asked, 488 for all of ours. */
function statusOf(error: unknown): number {
  return error instanceof SipFailure && error.status !== 408 && error.status !== 481 ? error.status : 488
}

async function answerOurselves(call: Call, leg: Leg, media: LegMedia, invite: IncomingReinvite): Promise<void> {
  const offer = invite.request.description
  if (offer.length > 0) {
    void invite.accept({ body: { type: SDP, content: answerAgain(call, leg, media, offer) } })
    noteHold(call, leg, offer)
    return
  }
  // PITFALLS S53: our offer goes in the 200, and the answer comes in the ACK.
  const choice = choiceFor(call, leg, heardBy(call, leg))
  const first = media.codec ? [media.codec, ...choice.first] : choice.first
  const acknowledged = invite.accept({ body: { type: SDP, content: media.offer({ ...choice, first }) } })
  leg.touch()
  const answer = await acknowledged
  try {
    media.readAnswer(answer)
    pairAgain(call, leg)
    noteHold(call, leg, answer)
  } catch (error) {
    if (error instanceof ResourceUnavailable) return leg.end(causeOfError(error))
    // §14.2 has no way to refuse an answer: what was agreed on before goes on.
    call.log.warn({ err: error, leg: leg.id }, 'the answer in an ACK cannot be used')
  }
}

/**
 * Our answer to a new offer: in a codec of the partner where that can be, else in another one, and then the partner is asked whether
 * it speaks that, too, once both have answered. What would have to be transcoded, and cannot, is refused. @throws NotAcceptable, ResourceUnavailable
 */
function answerAgain(call: Call, leg: Leg, media: LegMedia, offer: Uint8Array, early: string | null = null): string {
  const partner = heardBy(call, leg)
  const how: Pairing = { for: early === null ? 'good' : 'now' }
  // What cannot be paired is not in it: voice and the description are told of nothing that is refused behind that.
  const choice = choiceFor(call, leg, partner, how)
  const before = media.codec
  try {
    const content = media.answer(offer, { again: true, choice, early })
    pairAgain(call, leg, how)
    if (partner && early === null && media.codec !== before) void bringOver(call, partner, leg)
    return content
  } catch (error) {
    throw blame(call, choice, error)
  }
}

/** Audio that passes by us: the offer goes to the other leg, and its answer comes back. */
async function passOn(call: Call, leg: Leg, offer: Uint8Array): Promise<string> {
  const { other, session } = otherOf(call, leg)
  const content = Buffer.from(offer).toString('utf8')
  const answer = await session.reinvite({ type: SDP, content })
  if (answer.status >= 300) throw new SipFailure('refused', answer.status, answer)
  other.description = content
  return Buffer.from(answer.description).toString('utf8')
}

/** The same where the other leg has to make the offer: 200, ACK and 200, ACK interleave (RFC 3725 §4.4). */
async function passOnLate(call: Call, leg: Leg, invite: IncomingReinvite): Promise<void> {
  const { other, session } = otherOf(call, leg)
  const offered = await session.reinvite(null)
  if (offered.status >= 300) throw new SipFailure('refused', offered.status, offered)
  const content = Buffer.from(offered.description).toString('utf8')
  const answer = await invite.accept({ body: { type: SDP, content } })
  leg.description = content
  other.description = Buffer.from(answer).toString('utf8')
  session.acknowledge({ type: SDP, content: other.description })
  noteHold(call, leg, answer)
}

function otherOf(call: Call, leg: Leg): { other: Leg; session: Session } {
  const other = call.legs.find((candidate) => candidate !== leg && candidate.isConnected)
  if (!other?.session) throw new SipFailure('refused', 488)
  return { other, session: other.session }
}

/** What a description says where its sound passes by us, which it does in the clear only; null when it is none. */
function asksToBeHeld(description: Uint8Array): boolean | null {
  const said = negotiate(description, { transport: 'rtp' }, AUDIO_CODECS)
  if (!said.agreed) return null
  return said.agreement.direction === 'recvonly' || said.agreement.direction === 'inactive'
}

/** Held or retrieved by its far end, in any spelling (PITFALLS S48): what it says that it does not want to hear. */
function noteHold(call: Call, leg: Leg, description: Uint8Array): void {
  const held = call.media.get(leg.id)?.isHeldByFarEnd ?? asksToBeHeld(description)
  if (held === null || held === (leg.state === 'hold')) return
  leg.hold(held)
  // Its silence until now counts for nothing any more (PITFALLS M01).
  if (!held)
    call.media
      .get(leg.id)
      ?.endpoint.watch(call.x.limits.mediaTimeoutMs)
      .catch(() => {})
  call.event(held ? 'leg.held' : 'leg.retrieved', { leg, data: { by: 'far-end' } })
}
