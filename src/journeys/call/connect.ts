import { ResourceUnavailable } from '#platform/resource/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { Session } from '#protocol/sip/index.ts'
import { bringTogether } from './bring-over.ts'
import type { Call } from './call.ts'
import type { Pairing } from './codecs.ts'
import { answerBody } from './dialog.ts'
import { textOf } from './offer.ts'
import { CallOver, callOver } from './over.ts'
import { pairUp } from './pair.ts'
import { reoffer } from './reoffer.ts'
import { causeOfError } from './run.ts'

/**
 * The dialled leg has answered: the caller's INVITE is answered with it, and the two are joined. All of it in the turn
 * in which the answer came, so that one write of the journal holds the confirmed call, unless the caller still owes a PRACK.
 * `early` is the answer that a reliable response had, which the 200 need not say again; `listener` is whom the leg talks
 * to, where that is not the caller. @throws CallOver
 */
export async function connect(
  call: Call,
  b: Leg,
  session: Session,
  { early, listener: a = call.a }: { early: Uint8Array | null; listener?: Leg | undefined },
): Promise<void> {
  const answer = session.remoteBody.length > 0 ? session.remoteBody : (early ?? session.remoteBody)
  const mediaB = call.media.get(b.id)
  call.direct = !mediaB
  try {
    // RFC 3311: what the same fork has asked for since its reliable answer stands.
    const updated = mediaB && mediaB.updatedBy !== null && mediaB.updatedBy === session.snapshot().remoteTag
    if (mediaB && answer.length > 0 && !updated) mediaB.readAnswer(answer)
    b.listen()
    call.event('leg.established', { leg: b })
    if (call.a.incoming?.settled) await callerSettled(call)
    // Who has hung up in the same breath is told of in a moment: the caller is not answered for nobody.
    if (b.cause || session.isOver) return
    // Where audio passes by us, too, what the caller was told last of this fork stands.
    const stands = a.description !== null && a.describedBy === session.snapshot().remoteTag
    const told = () => (stands ? a.description! : textOf(answer))
    const content = a.incoming && (mediaB ? answerBody(call, a, b) : told())
    if (mediaB) pairUp(call, a, b)
    if (content !== null) answerCaller(call, content)
  } catch (error) {
    if (error instanceof ResourceUnavailable) b.end(causeOfError(error))
    else if (!(error instanceof CallOver)) b.end(causeOf('switch', 'not-acceptable'))
    throw error
  }
  call.answered(a)
  call.answered(b)
  call.phase = 'joined'
  call.save()
  if (!mediaB) return
  await bringIn(call, a)
  await joinAudio(call, a, b)
}

/** RFC 3262 §3: no 2xx overtakes a reliable response (PITFALLS S12). @throws CallOver */
export async function callerSettled(call: Call): Promise<void> {
  for (;;) {
    const settled = call.a.incoming?.settled
    if (!settled) return
    await call.whileUp(settled)
  }
}

/** 200 for the caller. @throws CallOver when it has cancelled first (S18) */
export function answerCaller(call: Call, content: string): void {
  const { a } = call
  const session = a.incoming?.accept({ body: { type: 'application/sdp', content } })
  if (!session) {
    call.end(causeOf('caller', 'cancelled'))
    throw callOver(call.cause ?? causeOf('caller', 'cancelled'))
  }
  if (!call.media.has(a.id)) a.description = content
  a.connect(session)
  a.listen()
  call.event('leg.established', { leg: a })
}

/** A leg whose audio has passed by us until now: from here it comes to voice, by a re-INVITE of ours. */
export async function bringIn(call: Call, leg: Leg): Promise<void> {
  const media = call.media.get(leg.id)
  const { session } = leg
  if (!media || !session || leg.description === null) return
  if (!(await reoffer(call, leg, session, media))) {
    leg.end(causeOf('switch', 'not-acceptable'))
    return
  }
  leg.description = null
  leg.touch()
}

/**
 * Relays the sound of two legs to each other, in the codec of each. Where voice has just lost one of them that waits until its sound is
 * moved, which then joins them. A failure ends the call: nobody would hear anything.
 */
export async function joinAudio(call: Call, a: Leg, b: Leg, how?: Pairing): Promise<void> {
  const mediaA = call.media.get(a.id)
  const mediaB = call.media.get(b.id)
  if (!mediaA || !mediaB) return
  const isMoving = () => call.moving !== null && (mediaA.endpoint.lost || mediaB.endpoint.lost)
  if (isMoving()) return
  try {
    pairUp(call, a, b, how)
    await mediaA.endpoint.join(mediaB.endpoint)
    void bringTogether(call, a, b)
  } catch (error) {
    if (call.cause || a.cause || b.cause || isMoving()) return
    if (error instanceof ResourceUnavailable) return call.end(causeOfError(error))
    call.log.error({ err: error }, 'two legs could not be joined')
    call.end(causeOf('switch', 'media-lost'))
  }
}
