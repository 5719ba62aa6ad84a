import type { Leg } from '#platform/switch/index.ts'
import type { CallCause } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { bringIn, joinAudio } from './connect.ts'
import { watchDialog } from './dialog.ts'
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

/**
 * A leg of another call becomes one of this call and is joined to `partner`; its own call ends with `cause`. Everything
 * that it needs is leased before, and `begin` is run when it is. Rejects, with all as it was, when that cannot be. @throws
 * ResourceUnavailable
 */
export async function takeOver(
  call: Call,
  joiner: Joiner,
  partner: Leg,
  cause: CallCause,
  begin: () => void = () => {},
): Promise<void> {
  const { call: from, leg } = joiner
  await audible(call, partner)
  await audible(from, leg)
  from.throwIfOver()
  call.throwIfOver()
  checkPair(call, partner, joiner)
  oneRelay(call, joiner, partner)
  begin()
  move(call, joiner, cause)
  await joinAudio(call, partner, leg)
}

/** The sound of both legs of a call passes through voice from now on, if it did not before. @throws ResourceUnavailable */
export async function bothAudible(call: Call, one: Leg, other: Leg): Promise<void> {
  if (call.direct) oneRelay(call, { call, leg: other }, one)
  for (const leg of [one, other]) await audible(call, leg)
}

/** Two joined legs hold one `voice.relay` between them, whoever had dialled whom. @throws ResourceUnavailable */
function oneRelay(call: Call, { call: from, leg }: Joiner, partner: Leg): void {
  const relays = (of: Call, one: Leg) => of.leasesOf(one).filter((lease) => lease.kind === 'voice.relay')
  const [own, brought] = [relays(call, partner), relays(from, leg)]
  const { registry } = call.x
  if (own.length + brought.length === 0) {
    registry.answered(call.admit([{ kind: 'voice.relay', count: 1, leg: partner.id }]).map((lease) => lease.id))
  } else if (own.length > 0 && brought.length > 0) {
    registry.release(
      own.map((lease) => lease.id),
      'transferred',
    )
  }
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
  if (leg.session) watchDialog(call, leg, leg.session)
  if (cause) from.end(cause)
  call.save()
}
