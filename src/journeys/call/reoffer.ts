import type { CodecChoice, Leg, LegMedia } from '#platform/switch/index.ts'
import { glareDelayMs, type Session, SipFailure } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import { choiceFor, heardBy } from './codecs.ts'

/** How often a re-INVITE of ours is tried that meets one of the far end's. */
const TRIES = 3

/**
 * Offers a leg's sound anew inside its dialog, past a re-INVITE of the far end that comes at the same time (RFC 3261 §14.1).
 * The codec stays where there is one, unless something else is chosen from. Whether it was agreed on. @throws CallOver, SipFailure, NotAcceptable
 */
export async function reoffer(
  call: Call,
  leg: Leg,
  session: Session,
  media: LegMedia,
  choice: CodecChoice = media.codec ? { first: [media.codec], others: false } : choiceFor(call, leg, heardBy(call, leg)),
): Promise<boolean> {
  for (let tries = TRIES; tries > 0; tries--) {
    try {
      const answer = await call.whileUp(session.reinvite({ type: 'application/sdp', content: media.offer(choice) }))
      if (answer.status < 300) {
        media.readAnswer(answer.description)
        return true
      }
      media.refused()
      if (answer.status !== 491) return false
    } catch (error) {
      if (!(error instanceof SipFailure) || error.reason !== 'glare') throw error
      media.refused()
    }
    await call.whileUp(new Promise<void>((resolve) => call.x.clock.after(glareDelayMs(session.ownsCallId), resolve)))
  }
  return false
}
