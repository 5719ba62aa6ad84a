import { ResourceUnavailable } from '#platform/resource/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import type { Lease } from '#platform/words/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import type { Call } from './call.ts'
import { demandOf, givenBack, heardBy, mayTranscode, type Pairing, refusalOf, refuse, transcodings } from './codecs.ts'
import { reoffer } from './reoffer.ts'
import { listenForTones } from './tones.ts'
import type { Joiner } from './wish.ts'

/** What two legs hold for hearing each other, beside the relay. */
export const OF_PAIR: ReadonlySet<string> = new Set(['voice.transcode', 'voice.keys'])

/**
 * Two legs are about to hear each other, or speak something else than before: where they share no codec, that is leased, and it is
 * given back where they do.
 * @throws ResourceUnavailable, with `resource.refused` as an event, and with all as it was
 */
export function pairUp(call: Call, a: Leg, b: Leg, how: Pairing = { for: 'good' }): void {
  transcode(call, a, b, how)
  listenForTones(call, a, b)
}

/** @throws ResourceUnavailable */
function transcode(call: Call, a: Leg, b: Leg, how: Pairing): void {
  const before = call.pair
  call.pair = [a, b]
  const [one, other] = [call.media.get(a.id), call.media.get(b.id)]
  const differ = one?.passes(other!) === false
  const stray = !differ && one?.codec && other?.codec ? one.strays(other) || other.strays(one) : false
  try {
    if (stray && mayTranscode(call, a, b)) {
      try {
        settle(call, b, how, { needed: true })
        return
      } catch (error) {
        if (!(error instanceof ResourceUnavailable)) throw error
      }
    }
    if (stray) narrow(call, [a, b])
    settle(call, b, how, { needed: differ })
  } catch (error) {
    call.pair = before
    throw error
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
export function pairAgain(call: Call, leg: Leg, how?: Pairing): void {
  if (call.pair?.includes(leg)) pairUp(call, ...call.pair, how)
}

/**
 * Before a leg of another call takes the place of somebody's partner: what is transcoded for either of them until then is given back in
 * the same turn. @throws ResourceUnavailable, with `resource.refused` as an event
 */
export function checkPair(call: Call, partner: Leg, { call: from, leg }: Joiner): void {
  const media = from.media.get(leg.id)
  const needed = media && call.media.get(partner.id)?.passes(media) === false
  const refused = needed ? refusalOf(call, [partner, leg], { from }) : null
  if (refused) throw refuse(call, refused)
}

/**
 * The call is looking for somebody else to talk to one of its two legs: what is transcoded for those two is theirs until it is known
 * whom they go on with, whatever becomes of the ceiling meanwhile. Then it is given back, unless they go back to each other.
 */
export function mayGoBack(call: Call): Disposable {
  const two = call.pair
  call.mayGoBack = two
  return {
    [Symbol.dispose]() {
      call.mayGoBack = null
      if (!call.pair && two?.every((leg) => !leg.cause && call.legs.includes(leg))) call.pair = two
      const over = transcodings(call).filter(({ leg }) => !call.pair?.some(({ id }) => id === leg))
      release(call, over, 'transferred')
    },
  }
}

/** The lease is held for the leg that it was taken for: where that one talks to nobody here any more, another one follows it at once. */
function settle(call: Call, leg: Leg, how: Pairing, { needed }: { needed: boolean }): void {
  const { registry } = call.x
  const own = needed ? transcodings(call).find((lease) => call.pair?.some(({ id }) => id === lease.leg)) : undefined
  const over = givenBack(call, how).filter(({ id }) => id !== own?.id)
  if (needed && !own) {
    const refused = registry.refusal(call.subscriber.id, call.id, demandOf(call, leg), over)
    if (refused) throw refuse(call, refused)
  }
  release(call, over, needed ? 'transferred' : 'not-needed')
  if (!needed || own) return
  const leases = call.admit([demandOf(call, leg)])
  if (call.pair?.every((one) => one.isConnected)) registry.answered(leases.map(({ id }) => id))
}

function release({ x }: Call, leases: readonly Lease[], reason: string): void {
  x.registry.release(
    leases.map(({ id }) => id),
    reason,
  )
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
