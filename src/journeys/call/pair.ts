import { ResourceUnavailable } from '#platform/resource/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import type { Call } from './call.ts'
import { demandOf, heardBy, mayTranscode, refusalOf, refuse, transcodings } from './codecs.ts'
import { reoffer } from './reoffer.ts'
import type { Joiner } from './wish.ts'

/**
 * Two legs are about to hear each other, or speak something else than before: where they share no codec, that is leased, and it is
 * given back where they do. @throws ResourceUnavailable, with `resource.refused` as an event
 */
export function pairUp(call: Call, a: Leg, b: Leg): void {
  call.pair = [a, b]
  const [one, other] = [call.media.get(a.id), call.media.get(b.id)]
  const differ = one?.passes(other!) === false
  const stray = !differ && one?.codec && other?.codec ? one.strays(other) || other.strays(one) : false
  if (!stray || !mayTranscode(call, a, b)) {
    if (stray) narrow(call, [a, b])
    settle(call, b, differ)
    return
  }
  try {
    settle(call, b, true)
  } catch (error) {
    if (!(error instanceof ResourceUnavailable)) throw error
    narrow(call, [a, b])
  }
}

/** A leg speaks a codec that was agreed on beside the first one: heard by somebody who does not speak it, that is transcoded. */
export function spokenBeside(call: Call, leg: Leg, codec: CodecName): void {
  const media = call.media.get(leg.id)
  if (!media?.hears(codec)) return
  const partner = heardBy(call, leg)
  if (partner && call.media.get(partner.id)?.passes(media)) pairAgain(call, leg)
  leg.touch()
}

/** One of a pair has agreed on something, maybe something else. @throws ResourceUnavailable, with `resource.refused` as an event */
export function pairAgain(call: Call, leg: Leg): void {
  if (call.pair?.includes(leg)) pairUp(call, ...call.pair)
}

/**
 * Before a leg of another call takes the place of somebody's partner: what is transcoded for either of them until then is given back in
 * the same turn. @throws ResourceUnavailable, with `resource.refused` as an event
 */
export function checkPair(call: Call, partner: Leg, { call: from, leg }: Joiner): void {
  const media = from.media.get(leg.id)
  const needed = media && call.media.get(partner.id)?.passes(media) === false
  const refused = needed ? refusalOf(call, partner, from) : null
  if (refused) throw refuse(call, refused)
}

/** The lease is held for the leg that it was taken for: where that one talks to nobody here any more, another one follows it at once. */
function settle(call: Call, leg: Leg, needed: boolean): void {
  const { registry } = call.x
  const held = transcodings(call)
  const stays = needed && held.some((lease) => call.pair?.some(({ id }) => id === lease.leg))
  if (stays) return
  registry.release(
    held.map(({ id }) => id),
    needed ? 'transferred' : 'not-needed',
  )
  if (!needed) return
  const leases = call.admit([demandOf(call, leg)])
  if (call.pair?.every((one) => one.isConnected)) registry.answered(leases.map(({ id }) => id))
}

/** Nothing can be transcoded for legs that speak what was not agreed on first: voice drops that, and they are told (RFC 3264 §10.2). */
function narrow(call: Call, legs: readonly Leg[]): void {
  for (const leg of legs) {
    const media = call.media.get(leg.id)
    if (!media?.narrow()) continue
    call.log.info({ leg: leg.id, codec: media.codec }, 'a leg is held to one codec: what else it speaks cannot be transcoded')
    leg.touch()
    if (leg.session) void reoffer(call, leg, leg.session, media).catch(() => {}) // the leg's end says it
  }
}
