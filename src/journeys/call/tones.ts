import { ResourceUnavailable } from '#platform/resource/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import type { Demand, Lease, ToneWay } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { policyOf, sideOf } from './codecs.ts'
import { keysOf } from './keys.ts'

/**
 * Two legs are about to hear each other, or have agreed on something else than before. Where one tells of keys by tones and the other is
 * told of them in another way, voice takes them out of the sound (PITFALLS S50): who listens for that is leased, and given back where nobody
 * need. Where none can be had the tones are heard as they are, and the call goes on.
 */
export function listenForTones(call: Call, a: Leg, b: Leg): void {
  const ways = [tonesOf(call, a, b), tonesOf(call, b, a)] as const
  release(call, (leg) => !(leg === a.id && ways[0] === 'taken') && !(leg === b.id && ways[1] === 'taken'), 'not-needed')
  for (const [i, leg] of [a, b].entries()) {
    const way = ways[i]!
    const tones = way === 'taken' && !isListened(call, leg) ? 'heard' : way
    call.media
      .get(leg.id)
      ?.endpoint.tones(tones)
      .catch((error: unknown) => call.log.info({ err: error, leg: leg.id }, 'voice does not take the tones of a leg for keys'))
  }
}

function tonesOf(call: Call, leg: Leg, other: Leg): ToneWay {
  const [media, partner] = [call.media.get(leg.id), call.media.get(other.id)]
  if (!media?.codec || media.keysBy === 'events') return 'heard'
  if (policyOf(sideOf(call, leg)).tones === 'sound') return 'sound'
  return partner?.codec && partner.keysBy !== 'tones' ? 'taken' : 'heard'
}

/** Whether a leg's tones are listened to for its partner: leased before, or now. Billed, as the relay is, once both have answered. */
function isListened(call: Call, leg: Leg): boolean {
  const held = leases(call).filter((lease) => lease.leg === leg.id)
  try {
    const all = held.length > 0 ? held : call.lease([demandOf(call, leg)])
    if (call.pair?.every((one) => one.isConnected)) call.x.registry.answered(all.map(({ id }) => id))
    return true
  } catch (error) {
    if (!(error instanceof ResourceUnavailable)) throw error
    const keys = keysOf(call, leg)
    if (!keys.unheard) call.event('resource.refused', { data: { refusal: error.refusal } })
    keys.unheard = true
    return false
  }
}

function release(call: Call, which: (leg: Lease['leg']) => boolean, reason: string): void {
  const over = leases(call).filter(({ leg }) => which(leg))
  if (over.length === 0) return
  call.x.registry.release(
    over.map(({ id }) => id),
    reason,
  )
}

function leases(call: Call): Lease[] {
  return call.x.registry.leasesOf(call.id).filter(({ kind }) => kind === 'voice.keys')
}

function demandOf(call: Call, leg: Leg): Demand {
  const { emergency } = call.facts
  return { kind: 'voice.keys', count: 1, leg: leg.id, ...(emergency ? { detail: { emergency } } : {}) }
}
