import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { Session } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import { answerBody, watchDialog } from './dialog.ts'
import { CallOver } from './over.ts'

/**
 * The dialled leg has answered: the caller's INVITE is answered with it, and the two are joined. All of it in the turn
 * in which the answer came, so that one write of the journal holds the confirmed call. @throws CallOver
 */
export async function connect(call: Call, b: Leg, session: Session): Promise<void> {
  const { a } = call
  const answer = session.remoteBody
  const mediaB = call.media.get(b.id)
  call.direct = !mediaB
  try {
    // A 200 may leave the SDP out where a reliable response had it; then it holds.
    if (mediaB && answer.length > 0) mediaB.readAnswer(answer)
    watchDialog(call, b, session)
    call.event('leg.established', { leg: b })
    if (a.incoming) answerCaller(call, mediaB ? answerBody(call, a) : answer)
  } catch (error) {
    if (!(error instanceof CallOver)) b.end(causeOf('switch', 'not-acceptable'))
    throw error
  }
  call.answered(a)
  call.answered(b)
  call.phase = 'joined'
  call.save()
  if (mediaB) await joinAudio(call, a, b)
}

/** 200 for the caller. @throws CallOver when it has cancelled first (S18) */
export function answerCaller(call: Call, content: Uint8Array | string): void {
  const { a } = call
  const session = a.incoming?.accept({ body: { type: 'application/sdp', content } })
  if (!session) {
    call.end(causeOf('caller', 'cancelled'))
    throw new CallOver(call.cause ?? causeOf('caller', 'cancelled'))
  }
  a.connect(session)
  watchDialog(call, a, session)
  call.event('leg.established', { leg: a })
}

/** Relays the sound of two legs to each other. A failure ends the call: nobody would hear anything. */
export async function joinAudio(call: Call, a: Leg, b: Leg): Promise<void> {
  const mediaA = call.media.get(a.id)
  const mediaB = call.media.get(b.id)
  if (!mediaA || !mediaB) return
  try {
    await mediaA.endpoint.join(mediaB.endpoint)
  } catch (error) {
    if (call.cause || a.cause || b.cause) return
    call.log.error({ err: error }, 'two legs could not be joined')
    call.end(causeOf('switch', 'media-lost'))
  }
}
