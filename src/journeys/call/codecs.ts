import { ResourceUnavailable } from '#platform/resource/index.ts'
import { ALL_CODECS, type CodecChoice, type Leg, type LegMedia, NotAcceptable } from '#platform/switch/index.ts'
import type { CodecPolicy, Demand, Refusal, SrtpPolicy } from '#platform/words/index.ts'
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
} {
  const { srtp, codecs = side.gateways ? TRUNK_CODECS : ALL_CODECS, transcode = true } = side
  return { srtp, codecs, preference: side.codecs ? 'ours' : 'theirs', transcode }
}

/** The trunk of a leg, or its site. */
export function sideOf(call: Call, leg: Leg): Side {
  const { via, trunk } = leg.facts
  if (via === 'channel') return call.subscriber.site
  return (trunk && call.x.directory().byName(trunk)) || { gateways: [] }
}

/** What a leg may agree on, and the resource that stands in the way of more. */
export type Choice = CodecChoice & { refused?: Refusal }

/**
 * What a leg is offered or answered with for the sake of whom it talks to: first what need not be transcoded, and the rest only where
 * transcoding is allowed on both sides and can be had. Anything where it talks to nobody, or to somebody of whom nothing is known yet.
 */
export function choiceFor(call: Call, leg: Leg, partner: Leg | null): Choice {
  const spoken = partner ? spokenBy(call, partner) : []
  if (!partner || spoken.length === 0) return { first: [], others: true }
  const first = [...new Set([...spoken, ...spoken.flatMap(alike)])]
  if (!call.facts.emergency && ![leg, partner].every((one) => policyOf(sideOf(call, one)).transcode))
    return { first, others: false }
  const refused = refusalOf(call, leg)
  return refused ? { first, others: false, refused } : { first, others: true }
}

/** Why nothing can be transcoded for a call; null where it can, or is already. */
function refusalOf(call: Call, leg: Leg): Refusal | null {
  const { registry } = call.x
  if (registry.leasesOf(call.id).some(({ kind }) => kind === 'voice.transcode')) return null
  return registry.refusal(call.subscriber.id, call.id, demandOf(call, leg))
}

/** What is wrong where a far end could agree on nothing of a choice: the choice, where it was narrow for want of a transcoder. */
export function blame(call: Call, choice: Choice, error: unknown): unknown {
  if (!(error instanceof NotAcceptable) || !choice.refused) return error
  return refuse(call, choice.refused)
}

function refuse(call: Call, refusal: Refusal): ResourceUnavailable {
  call.event('resource.refused', { data: { refusal } })
  return new ResourceUnavailable(refusal)
}

/** What was agreed on with a leg, else what it has offered. */
function spokenBy(call: Call, leg: Leg): CodecName[] {
  const media = call.media.get(leg.id)
  if (!media) return []
  if (media.codec) return [media.codec]
  return leg.incoming ? media.codecsIn(leg.incoming.request.description) : []
}

/**
 * Two legs are about to hear each other, or speak something else than before: where they share no codec, that is leased, and it is
 * given back where they do. @throws ResourceUnavailable, with `resource.refused` as an event
 */
export function pairUp(call: Call, a: Leg, b: Leg): void {
  call.pair = [a, b]
  const passes = call.media.get(a.id)?.passes(call.media.get(b.id)!)
  settle(call, b, passes === false)
}

/** One of a pair has agreed on something, maybe something else. @throws ResourceUnavailable, with `resource.refused` as an event */
export function pairAgain(call: Call, leg: Leg): void {
  if (call.pair?.includes(leg)) pairUp(call, ...call.pair)
}

/** Before a leg of another call takes the place of somebody's partner. @throws ResourceUnavailable, with `resource.refused` as an event */
export function checkPair(call: Call, partner: Leg, media: LegMedia | undefined): void {
  const needed = media && call.media.get(partner.id)?.passes(media) === false
  const refused = needed ? refusalOf(call, partner) : null
  if (refused) throw refuse(call, refused)
}

/** Whom a leg hears, by way of voice. */
export function heardBy(call: Call, leg: Leg): Leg | null {
  return call.pair?.includes(leg) ? (call.pair.find((one) => one !== leg) ?? null) : null
}

function settle(call: Call, leg: Leg, needed: boolean): void {
  const { registry } = call.x
  const held = registry.leasesOf(call.id).flatMap(({ id, kind }) => (kind === 'voice.transcode' ? [id] : []))
  if (held.length > 0 && !needed) registry.release(held, 'not-needed')
  if (held.length > 0 || !needed) return
  const leases = call.admit([demandOf(call, leg)])
  if (call.pair?.every((one) => one.isConnected)) registry.answered(leases.map(({ id }) => id))
}

function demandOf(call: Call, leg: Leg): Demand {
  const emergency = call.facts.emergency || call.leasesOf(leg).some(({ detail }) => detail?.emergency)
  return { kind: 'voice.transcode', count: 1, leg: leg.id, ...(emergency ? { detail: { emergency: true } } : {}) }
}
