import { isIP } from 'node:net'
import { TielineError } from '#lib/index.ts'
import { ResourceUnavailable } from '#platform/resource/index.ts'
import { type Leg, LegMedia, type LegPolicy, type VoiceEndpoint, VoiceUnavailable } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { IpFamily } from '#platform/words/index.ts'
import { connectionOf } from '#protocol/sdp/index.ts'
import type { Call } from './call.ts'
import { policyOf, sideOf } from './codecs.ts'
import { digitHeard } from './digits.ts'
import { keysOf } from './keys.ts'
import { spokenBeside } from './pair.ts'
import { soundLost } from './survive.ts'

/**
 * The leg's audio, opened in its realm where it is not there yet, by the family of IP of a far end `at` this address. Its port has
 * been leased. @throws VoiceUnavailable, ResourceUnavailable
 */
export async function openMedia(call: Call, leg: Leg, at?: string): Promise<LegMedia> {
  const open = call.media.get(leg.id)
  if (open) {
    await call.x.voice.settled(open.endpoint)
    await call.moving?.done
    return open
  }
  const family = familyAt(call, leg, at ?? (() => soundOf(leg)))
  const endpoint = await call.x.voice.open(call.id, call.subscriber.id, leg.facts.realm, family).catch((error: unknown) => {
    throw portless(call, leg, error)
  })
  const media = new LegMedia(endpoint, mediaPolicy(call, leg))
  if (leg.cause) {
    // The leg ended while voice was at work.
    await media.close()
    call.throwIfOver()
    return media
  }
  // Two legs out that are prepared at once both want their caller's audio: there is one of it.
  const other = call.media.get(leg.id)
  if (other) {
    await media.close()
    return other
  }
  keepMedia(call, leg, media)
  return media
}

/** Where a far end that has called says that it listens, or else where it called from. */
function soundOf({ incoming, offer }: Leg): string | undefined {
  if (!incoming) return undefined
  const said = connectionOf(offer)
  return said !== null && isIP(said) !== 0 ? said : incoming.source.address
}

/** By which family of IP somebody at this address is heard; undefined where the realm's first address is of it, or nothing else is there. */
export function familyAt(call: Call, leg: Leg, at: string | (() => string | undefined)): IpFamily | undefined {
  const realm = call.x.realms.get(leg.facts.realm)
  if (!realm || realm.addresses.length < 2) return undefined
  const there = typeof at === 'string' ? at : at()
  if (there === undefined) return undefined
  const { address } = realm.localFor(there)
  return address === realm.local.address ? undefined : (isIP(address) as IpFamily)
}

/** Goes over to the family of IP of whoever is asked next, where that is another one. @returns whether it did, so that an offer is due */
export async function faceFamily(call: Call, leg: Leg, at: string): Promise<boolean> {
  const media = call.media.get(leg.id)
  const own = media?.endpoint.snapshot.address
  if (!media || own === undefined || familyAt(call, leg, at) === familyAt(call, leg, own)) return false
  call.dropMedia(leg)
  await media.close()
  await openMedia(call, leg, at)
  return true
}

/**
 * A port was leased, and voice has none: ports rest after a call, and others than we may have taken some. That is a refusal like any
 * other. The ports of a site's namespace are its subscriber's alone, so that no carrier is to leave us alone for their sake.
 */
function portless(call: Call, leg: Leg, error: unknown): unknown {
  const why = error instanceof VoiceUnavailable ? error.cause : null
  if (!(why instanceof TielineError) || why.verdict.code !== 'resource-unavailable') return error
  const [limit, inUse] = [Number(why.details.limit), Number(why.details.inUse)]
  const whose =
    leg.facts.realm === 'node'
      ? ({ limitedBy: 'pool', fault: 'system' } as const)
      : ({ limitedBy: 'ceiling', fault: 'subscriber' } as const)
  const refusal = { kind: 'voice.port', ...whose, limit, inUse, requested: 1, holders: [] }
  call.event('resource.refused', { leg, data: { refusal } })
  return new ResourceUnavailable(refusal, call.subscriber.id)
}

/** How the sound of a leg is protected and coded: its trunk says so, or its site. */
function mediaPolicy(call: Call, leg: Leg): LegPolicy {
  const { srtp, codecs, preference, digits } = policyOf(sideOf(call, leg))
  // An emergency never fails for want of a key.
  return { srtp: srtp === 'required' && call.facts.emergency ? 'offered' : srtp, codecs, preference, digits }
}

/** Ties audio to its leg: digits go to the agent, and what voice loses is moved, or ends the leg. */
export function keepMedia(call: Call, leg: Leg, media: LegMedia): void {
  call.putMedia(leg, media)
  const onFault: LegMedia['onFault'] = (error) => {
    if (media.endpoint.lost || call.moving?.legs.has(leg)) return
    call.log.error({ err: error, leg: leg.id }, 'voice did not do what a leg needs')
    leg.end(causeOf('switch', 'media-lost'))
  }
  const onCodec: VoiceEndpoint['onCodec'] = (codec) => spokenBeside(call, leg, codec)
  const onPressed: VoiceEndpoint['onPressed'] = (digit) => void keysOf(call, leg).presses.begins(digit, call.x.clock.now())
  const onDigit: VoiceEndpoint['onDigit'] = (digit) => digitHeard(call, leg, digit)
  const onLost: VoiceEndpoint['onLost'] = (agoMs) => soundLost(call, leg, agoMs)
  const { endpoint } = media
  media.onFault = onFault
  endpoint.onCodec = onCodec
  endpoint.onPressed = onPressed
  endpoint.onDigit = onDigit
  endpoint.onLost = onLost
}
