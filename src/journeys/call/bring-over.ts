import type { Leg } from '#platform/switch/index.ts'
import { alike, type CodecName } from '#protocol/audio/index.ts'
import type { Call } from './call.ts'
import { policyOf, sideOf } from './codecs.ts'
import { pairAgain } from './pair.ts'
import { reoffer } from './reoffer.ts'

/** What is held while somebody works with the sound of a call. */
const AT_WORK: ReadonlySet<string> = new Set([
  'voice.record',
  'voice.detection',
  'voice.recognition',
  'voice.stream',
  'voice.seat',
])

/**
 * Two legs hear each other by way of a transcoder, and one of them has said that it knows what the other speaks: it is asked for that, and then
 * nothing need be transcoded. Not while a verb is at work on the sound. Never rejects; what is refused leaves all as it was.
 */
export async function bringTogether(call: Call, a: Leg, b: Leg): Promise<void> {
  if (isAtWork(call)) return
  for (const [asked, partner] of [
    [a, b],
    [b, a],
  ] as const) {
    const named = call.media.get(asked.id)?.named ?? []
    if (await bringOver(call, asked, partner, (codec) => named.includes(codec))) return
  }
}

/** Asks a leg for what its partner speaks, where policy lets it and the leg may know it. @returns whether they share a codec now */
export async function bringOver(
  call: Call,
  asked: Leg,
  partner: Leg,
  knows: (codec: CodecName) => boolean = () => true,
): Promise<boolean> {
  const [media, other] = [call.media.get(asked.id), call.media.get(partner.id)]
  if (!media?.codec || !other?.codec || !asked.session || media.passes(other) !== false) return false
  if (!policyOf(sideOf(call, asked)).renegotiate) return false
  const wanted = alike(other.codec).filter(knows)
  if (!media.allows({ first: wanted, others: false })) return false
  try {
    // Where we have answered it, the far end owes its ACK before it may be asked for anything (RFC 3261 §14.1).
    await call.whileUp(asked.session.acknowledged)
    if (call.media.get(partner.id)?.passes(media) !== false) return false
    await reoffer(call, asked, asked.session, media, { first: [...wanted, media.codec], others: false })
    pairAgain(call, asked)
    asked.touch()
  } catch (error) {
    call.log.info({ err: error, leg: asked.id }, 'a leg does not change its codec')
  }
  return media.passes(other) === true
}

function isAtWork({ id, x }: Call): boolean {
  return x.registry.leasesOf(id).some(({ kind }) => AT_WORK.has(kind))
}
