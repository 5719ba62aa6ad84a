import { ResourceUnavailable } from '#platform/resource/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import { type DialResult, durationMs, type PromptSource, type Target } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { holdLeg, lift } from './hold.ts'
import { failureOf, reachInstead } from './instead.ts'
import { type Parked, parkedIn } from './parked.ts'
import { takeOver } from './take-over.ts'
import type { Joiner, Parking } from './wish.ts'

/** How long whoever has parked a call is rung back, ms. */
const RING_BACK_MS = 60_000

/** How a call may wait in a slot. */
export interface Waiting {
  slot: string
  /** What it hears meanwhile. */
  source: PromptSource | null
  timeoutMs: number
  signal?: AbortSignal
  /** Whoever parks is gone: without room for music it waits in silence. */
  orSilent?: true
}

/** The caller is held in the slot. Resolves with the leg that has come, already joined; with null when nobody came in time. */
export async function waitInSlot(call: Call, { slot, source, timeoutMs, signal, orSilent }: Waiting): Promise<Leg | null> {
  const { a } = call
  call.phase = 'verb'
  await holdLeg(call, a, { source, by: 'park' }).catch((error: unknown) => {
    if (!orSilent || !(error instanceof ResourceUnavailable)) throw error
    return holdLeg(call, a, { source: null, by: 'park' })
  })
  let taken: Joiner | null = null
  const came = Promise.withResolvers<Joiner | null>()
  const parked: Parked = {
    slot,
    take(joiner) {
      if (call.parked !== parked) return false
      call.parked = null
      taken = joiner
      came.resolve(joiner)
      return true
    },
  }
  call.parked = parked
  const nobody = () => {
    if (call.parked === parked) call.parked = null
    came.resolve(null)
  }
  const timer = call.x.clock.after(timeoutMs, nobody)
  signal?.addEventListener('abort', nobody, { once: true })
  call.event('call.parked', { leg: a, data: { slot, timeoutMs } })
  let why = 'hangup'
  try {
    const joiner = await call.whileUp(came.promise)
    why = joiner ? 'picked-up' : signal?.aborted ? 'interrupted' : 'timeout'
    await lift(call, a)
    if (!joiner) return null
    try {
      await takeOver(call, joiner, a, causeOf('switch', 'picked-up'))
    } catch (error) {
      failureOf(call, error)
      why = 'failed'
      return null
    }
    call.event('leg.transferred', { leg: a, data: { by: 'pick-up', to: joiner.leg.id, call: joiner.call.id } })
    call.phase = 'joined'
    call.save()
    return joiner.leg
  } finally {
    call.parked = null
    letGo(call, taken)
    timer.cancel()
    signal?.removeEventListener('abort', nobody)
    call.event('call.unparked', { leg: a, data: { slot, why } })
  }
}

/** Whoever came in vain: the call that it was to come into is over, or could not have it. */
function letGo(call: Call, joiner: Joiner | null): void {
  if (joiner && !call.legs.includes(joiner.leg)) joiner.call.end(call.cause ?? causeOf('switch', 'unavailable'))
}

/**
 * Carries the parking of one of two joined legs out: whoever asked is let go, and rung back when nobody picks the caller
 * up. Resolves with the leg that the caller talks to then, or with why there is none.
 */
export async function follow(call: Call, parking: Parking, b: Leg): Promise<{ leg: Leg } | DialResult> {
  const { by, slot, timeoutMs, music } = parking
  call.wish = null
  if (parkedIn(call.x, call.subscriber.id, slot)) {
    void parking.report({ sip: 486, text: 'The slot is taken' })
    if (by !== b) call.promote(by)
    return { leg: b }
  }
  const joinedAt = call.answeredAt ?? call.now()
  const back = targetOf(call, by)
  // It is told first, and may hang up by itself then.
  void parking.report({ sip: 200, text: 'OK' }).then(() => by.end(causeOf('switch', 'parked')))
  const leg = await waitInSlot(call, { slot, source: music, timeoutMs, orSilent: true })
  if (leg) return { leg }
  call.event('call.routed', { data: { by: 'park', why: 'timeout', target: back } })
  const reached = await reachInstead(call, { target: back, timeoutMs: RING_BACK_MS })
  if ('leg' in reached) return reached
  return { ...reached.failed, durationSeconds: durationMs(joinedAt, call.now()) / 1000 }
}

/** How a leg is reached again. */
function targetOf(call: Call, { facts }: Leg): Target {
  const { via, party, trunk } = facts
  if (via === 'trunk') return trunk ? { trunk, number: party.number } : { number: party.number }
  return call.x.telephones.knows(call.subscriber.id, party.number) ? { user: party.number } : { pbx: party.number }
}
