import type { Leg } from '#platform/switch/index.ts'
import type { Call } from './call.ts'
import { blame, type Choice, choiceFor } from './codecs.ts'
import { openMedia } from './media.ts'

/** What a dialled leg is to say first, and why it does not say more. */
export interface Offer {
  sdp: string
  choice: Choice
}

/** A description as text, as it goes on to a far end that hears the other one directly. */
export function textOf(description: Uint8Array): string {
  // A Buffer's own way says the same as a TextDecoder, which takes twice as long.
  const { buffer, byteOffset, length } = description
  return (description instanceof Buffer ? description : Buffer.from(buffer, byteOffset, length)).toString()
}

/** The caller's own offer, where audio passes by us: the last that it has made. */
export function passedOn(call: Call, leg: Leg): Offer {
  const { offer } = call.a
  const sdp = typeof offer === 'string' ? offer : textOf(offer)
  leg.description = sdp
  return { sdp, choice: choiceFor(call, leg, null) }
}

/** Opens an endpoint in the leg's realm, for a far end at this address, and the caller's beside it. */
export async function prepareMedia(call: Call, leg: Leg, at: string | undefined): Promise<void> {
  await Promise.all([openMedia(call, leg, at), ...(call.originating ? [] : [openMedia(call, call.a)])])
}

/** Our own offer, for the sake of whom the leg is to talk to. @throws NotAcceptable, ResourceUnavailable */
export function ownOffer(call: Call, leg: Leg, listener: Leg | undefined): Offer {
  const choice = choiceFor(call, leg, call.originating ? null : (listener ?? call.a))
  const media = call.media.get(leg.id)
  if (!media) throw new Error('a leg makes an offer when it has audio')
  try {
    return { sdp: media.offer(choice), choice }
  } catch (error) {
    throw blame(call, choice, error)
  }
}
