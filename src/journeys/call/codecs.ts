import { ResourceUnavailable } from '#platform/resource/index.ts'
import { ALL_CODECS, type CodecChoice, type Leg, NotAcceptable } from '#platform/switch/index.ts'
import type {
  CodecPolicy,
  Demand,
  DigitPolicy,
  Lease,
  Refusal,
  SiteConfig,
  SrtpPolicy,
  TonePolicy,
} from '#platform/words/index.ts'
import { alike, type CodecName } from '#protocol/audio/index.ts'
import type { Call } from './call.ts'

/** What trunks speak where nobody has said otherwise: carriers in Europe A-law first. */
const TRUNK_CODECS: readonly CodecName[] = ['PCMA', 'PCMU', 'G722']

interface Side extends CodecPolicy {
  srtp?: SrtpPolicy
  gateways?: readonly unknown[]
}

/** What the legs of a trunk, or of a site, may speak and how it is protected, with what stands where nothing is said. */
export function policyOf(side: Side): {
  srtp: SrtpPolicy | undefined
  codecs: readonly CodecName[]
  /** Whose order counts where nothing else decides: ours is only meant where somebody has said it (RFC 3264 §6.1). */
  preference: 'ours' | 'theirs'
  transcode: boolean
  renegotiate: boolean
  digits: DigitPolicy
  tones: TonePolicy
} {
  const {
    srtp,
    codecs = side.gateways ? TRUNK_CODECS : ALL_CODECS,
    transcode = true,
    renegotiate = true,
    digits = 'tones',
    tones = 'keys',
  } = side
  return { srtp, codecs, preference: side.codecs ? 'ours' : 'theirs', transcode, renegotiate, digits, tones }
}

/** What a site says of its telephones, or of all the rest. */
export function sideOfSite({ telephoneCodecs, ...site }: SiteConfig, telephone: boolean): Side {
  return telephone && telephoneCodecs ? { ...site, codecs: telephoneCodecs } : site
}

/** The trunk of a leg, or its site. */
export function sideOf(call: Call, leg: Leg): Side {
  const { via, trunk, telephone = false } = leg.facts
  if (via === 'channel') return sideOfSite(call.subscriber.site, telephone)
  return (trunk && call.x.directory().byName(trunk)) || { gateways: [] }
}

/** What a leg may agree on, and the resource that stands in the way of more. */
export type Choice = CodecChoice & { refused?: Refusal }

/** Two who hear each other before an answer may be parted again (`now`), and others go back to each other. */
export interface Pairing {
  for: 'good' | 'now'
}

/**
 * What a leg is offered or answered with for the sake of whom it talks to, who may be in another call yet (`where`): first what need
 * not be transcoded, and the rest only where transcoding is allowed on both sides and can be had. Anything where it talks to nobody,
 * or to somebody of whom nothing is known yet.
 */
export function choiceFor(
  call: Call,
  leg: Leg,
  partner: Leg | null,
  { where = call, ...how }: { where?: Call } & Partial<Pairing> = {},
): Choice {
  const spoken = partner ? spokenBy(where, partner) : []
  if (!partner || spoken.length === 0) return { first: [], others: true }
  const first = [...new Set([...spoken, ...spoken.flatMap(alike)])]
  if (!mayTranscode(call, leg, partner, where)) return { first, others: false }
  const refused = refusalOf(call, [leg, partner], { from: where, ...how })
  if (refused) return { first, others: false, refused }
  // Next what the partner can be asked for afterwards.
  const known = policyOf(sideOf(where, partner)).renegotiate ? (where.media.get(partner.id)?.named ?? []) : []
  return { first: [...new Set([...first, ...known])], others: true }
}

/** Whether policy lets voice turn what one of them speaks into what the other does. */
export function mayTranscode(call: Call, leg: Leg, partner: Leg, where: Call = call): boolean {
  return call.facts.emergency || (policyOf(sideOf(call, leg)).transcode && policyOf(sideOf(where, partner)).transcode)
}

/**
 * Why nothing can be transcoded for two legs, one of which may come from another call; null where it can. What is transcoded for
 * either of them until then is given back for it.
 */
export function refusalOf(
  call: Call,
  [leg, partner]: readonly [Leg, Leg],
  { from, for: how = 'good' }: { from: Call } & Partial<Pairing>,
): Refusal | null {
  if (transcodings(call).some((lease) => lease.leg === leg.id || lease.leg === partner.id)) return null
  const held = givenBack(call, { for: how })
  const given = from === call ? held : [...held, ...transcodings(from)]
  return call.x.registry.refusal(call.subscriber.id, call.id, demandOf(call, leg), given)
}

/** What is transcoded in a call and is not kept, while others are paired, for two who may go back to each other. */
export function givenBack(call: Call, how: Pairing): Lease[] {
  const stays = how.for === 'now' || call.consulting !== null
  return transcodings(call).filter((lease) => !(stays && isKept(call, lease)))
}

/** Whether it is kept for two who may go back to each other. */
export function isKept({ mayGoBack: two }: Call, { leg }: Lease): boolean {
  return two?.some(({ id }) => id === leg) ?? false
}

export function transcodings(call: Call): Lease[] {
  return call.x.registry.leasesOf(call.id).filter(({ kind }) => kind === 'voice.transcode')
}

/** What is wrong where a far end could agree on nothing of a choice: the choice, where it was narrow for want of a transcoder. */
export function blame(call: Call, choice: Choice, error: unknown): unknown {
  if (!(error instanceof NotAcceptable) || !choice.refused) return error
  return refuse(call, choice.refused)
}

export function refuse(call: Call, refusal: Refusal): ResourceUnavailable {
  call.event('resource.refused', { data: { refusal } })
  return new ResourceUnavailable(refusal, call.subscriber.id)
}

/** What was agreed on with a leg, else what it has offered. */
function spokenBy(call: Call, leg: Leg): CodecName[] {
  const media = call.media.get(leg.id)
  if (!media) return []
  if (media.codec) return [media.codec]
  return leg.incoming ? media.codecsIn(leg.offer) : []
}

/** Whom a leg hears, by way of voice. */
export function heardBy(call: Call, leg: Leg): Leg | null {
  return call.pair?.includes(leg) ? (call.pair.find((one) => one !== leg) ?? null) : null
}

export function demandOf(call: Call, leg: Leg): Demand {
  const emergency = call.facts.emergency || call.leasesOf(leg).some(({ detail }) => detail?.emergency)
  return { kind: 'voice.transcode', count: 1, leg: leg.id, ...(emergency ? { detail: { emergency: true } } : {}) }
}
