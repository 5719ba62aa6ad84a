import type { Leg } from '#platform/switch/index.ts'
import type { CallCause, Demand, Lease } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { refuse } from './codecs.ts'
import { bringIn, joinAudio } from './connect.ts'
import { keepMedia, openMedia } from './media.ts'
import { checkPair } from './pair.ts'
import type { Joiner } from './wish.ts'

/** The leg's sound passes through voice from now on, if it did not before. @throws ResourceUnavailable, VoiceUnavailable */
export async function audible(call: Call, leg: Leg): Promise<void> {
  if (call.media.has(leg.id)) return
  if (!call.leasesOf(leg).some((lease) => lease.kind === 'voice.port')) {
    const taken = call.admit([{ kind: 'voice.port', count: 1, leg: leg.id }])
    if (leg.isConnected) call.x.registry.answered(taken.map((lease) => lease.id))
  }
  await openMedia(call, leg)
  call.direct = false
  await bringIn(call, leg)
}

/** How a leg comes in from another call. */
export interface Entry {
  /** Why its own call is over. */
  cause: CallCause
  /** What `begin` gives back: there is room for what takes its place. */
  freed?(): Lease[]
  /** Run when all that it needs is or can be had, right before it is taken. What it throws leaves all as it was. */
  begin?(): void
}

/**
 * A leg of another call becomes one of this call and is joined to `partner`; its own call ends. Everything that it needs is leased
 * before. Rejects, with all as it was, when that cannot be. @throws ResourceUnavailable
 */
export async function takeOver(
  call: Call,
  joiner: Joiner,
  partner: Leg,
  { cause, freed = () => [], begin = () => {} }: Entry,
): Promise<void> {
  const { call: from, leg } = joiner
  await audible(call, partner)
  await audible(from, leg)
  from.throwIfOver()
  call.throwIfOver()
  checkPair(call, partner, joiner)
  checkRelay(call, joiner, partner, freed())
  begin()
  oneRelay(call, joiner, partner)
  move(call, joiner, cause)
  await joinAudio(call, partner, leg)
}

/** The sound of both legs of a call passes through voice from now on, if it did not before. @throws ResourceUnavailable */
export async function bothAudible(call: Call, one: Leg, other: Leg): Promise<void> {
  if (call.direct) oneRelay(call, { call, leg: other }, one)
  for (const leg of [one, other]) await audible(call, leg)
}

/** Two joined legs hold one `voice.relay` between them, whoever had dialled whom. @throws ResourceUnavailable */
function oneRelay(call: Call, joiner: Joiner, partner: Leg): void {
  const { own, brought } = relaysOf(call, joiner, partner)
  const { registry } = call.x
  if (own.length + brought.length === 0) {
    registry.answered(call.admit([relayFor(partner)]).map((lease) => lease.id))
  } else if (own.length > 0 && brought.length > 0) {
    registry.release(
      own.map((lease) => lease.id),
      'transferred',
    )
  }
}

/** @throws ResourceUnavailable, with `resource.refused` as an event, where there is no relay for them */
function checkRelay(call: Call, joiner: Joiner, partner: Leg, freed: readonly Lease[]): void {
  const { own, brought } = relaysOf(call, joiner, partner)
  if (own.length + brought.length > 0) return
  const refused = call.x.registry.refusal(call.subscriber.id, call.id, relayFor(partner), freed)
  if (refused) throw refuse(call, refused)
}

function relaysOf(call: Call, { call: from, leg }: Joiner, partner: Leg): { own: Lease[]; brought: Lease[] } {
  const relays = (of: Call, one: Leg) => of.leasesOf(one).filter((lease) => lease.kind === 'voice.relay')
  return { own: relays(call, partner), brought: relays(from, leg) }
}

function relayFor({ id }: Leg): Demand {
  return { kind: 'voice.relay', count: 1, leg: id }
}

/** In one turn, so that one write of the journal holds both calls as they are then; its own call ends with `cause`. */
export function move(call: Call, { call: from, leg }: Joiner, cause: CallCause | null): void {
  const media = from.media.get(leg.id)
  for (const recording of from.recordings) recording.stop()
  from.event('leg.transferred', { leg, data: { call: call.id, why: cause?.reason ?? 'split' } })
  from.give(leg, call)
  if (media) {
    keepMedia(call, leg, media)
    media.endpoint.move(call.id).catch((error: unknown) => media.onFault?.(error))
  }
  if (cause) from.end(cause)
  call.save()
}
