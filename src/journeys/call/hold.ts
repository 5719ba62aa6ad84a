import { type Id, newId } from '#lib/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import type { PromptSource, VerbMethods } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { joinAudio } from './connect.ts'
import { verbError } from './over.ts'
import { kindsOf, lease, promptOf, type VerbLease } from './prompt.ts'
import { reoffer } from './reoffer.ts'
import { bothAudible } from './take-over.ts'
import { isFree, partnerOf } from './wish.ts'

type Params<V extends keyof VerbMethods> = VerbMethods[V]['params']

/** A leg that we hold: what it hears meanwhile, and whether its telephone knows. */
export interface Hold {
  readonly by: string
  music: { verb: Id<'verb'>; source: PromptSource; lease: VerbLease } | null
}

/** Holds one of two joined legs; the other one hears nothing. It is held already: nothing. */
export async function hold(call: Call, params: Params<'call.hold'>, by = 'agent'): Promise<null> {
  const leg = meant(call, params.party ?? 'caller')
  if (!leg || !isFree(call)) throw verbError('invalid-argument', 'only a leg that is joined to another one can be held')
  if (call.holds?.has(leg)) return null
  const source = params.music ? promptOf(call, params.music) : null
  const other = partnerOf(call, leg)
  if (other) await bothAudible(call, leg, other)
  await holdLeg(call, leg, { source, by })
  return null
}

/** The held leg, or both, talk again. Whoever consults meanwhile goes back (CSTA: Reconnect Call). */
export async function retrieve(call: Call, params: Params<'call.retrieve'>): Promise<null> {
  if (call.consulting) {
    call.consulting.decide('back')
    return null
  }
  const legs = params.party ? [meant(call, params.party)] : [...(call.holds?.keys() ?? [])]
  for (const leg of legs) if (leg) await lift(call, leg)
  const b = partnerOf(call, call.a)
  if (b && isFree(call) && !call.holds?.size && legs.length > 0) await joinAudio(call, call.a, b)
  return null
}

/** Takes a leg's sound away from whomever it talked to. @throws ResourceUnavailable, with all as it was */
export async function holdLeg(call: Call, leg: Leg, options: { source: PromptSource | null; by: string }): Promise<void> {
  const { source, by } = options
  const held: Hold = { by, music: source ? { verb: newId('verb'), source, lease: lease(call, kindsOf(source), leg) } : null }
  call.holds ??= new Map()
  call.holds.set(leg, held)
  call.event('leg.held', { leg, data: { by } })
  call.save()
  const media = call.media.get(leg.id)
  if (!media) return
  await media.endpoint.part()
  if (source && held.music) {
    held.music.lease.begin()
    media.endpoint.play({ verb: held.music.verb, source, loop: 0 }).catch((error: unknown) => {
      call.log.info({ err: error, leg: leg.id }, 'a leg does not hear what it should while it is held')
    })
  }
  await tell(call, leg, 'sendonly')
}

/** It is held no more; to whom it talks then is its caller's to say. Nothing where it is not held. */
export async function lift(call: Call, leg: Leg): Promise<void> {
  const held = call.holds?.get(leg)
  if (!held) return
  call.holds?.delete(leg)
  if (held.music) {
    call.media.get(leg.id)?.endpoint.stop(held.music.verb)
    held.music.lease[Symbol.dispose]()
  }
  if (leg.cause) return
  call.event('leg.retrieved', { leg, data: { by: held.by } })
  await tell(call, leg, 'sendrecv')
  call.save()
}

/** What is held when two legs do not talk any more: whoever is left is free for what comes next. */
export async function liftAll(call: Call): Promise<void> {
  for (const leg of [...(call.holds?.keys() ?? [])]) await lift(call, leg)
}

/** A telephone is told (RFC 3264 §8.4), so that it can show it; a carrier hears the music. */
async function tell(call: Call, leg: Leg, direction: 'sendonly' | 'sendrecv'): Promise<void> {
  const media = call.media.get(leg.id)
  if (!media || leg.facts.via !== 'channel' || !media.face(direction)) return
  const { session } = leg
  const agreed = session && (await reoffer(call, leg, session, media).catch(() => false))
  call.throwIfOver()
  leg.touch()
  if (!agreed) call.log.info({ leg: leg.id, direction }, 'a telephone does not take it that it is held')
}

function meant(call: Call, party: 'caller' | 'dialled'): Leg | undefined {
  const leg = party === 'caller' ? call.a : partnerOf(call, call.a)
  return leg?.isConnected ? leg : undefined
}
