import { TielineError } from '#lib/index.ts'
import { ResourceUnavailable } from '#platform/resource/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import { type DialResult, durationMs, type PromptSource, type Target } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { holdLeg, lift } from './hold.ts'
import { reachInstead } from './instead.ts'
import { causeOfError } from './run.ts'
import { Slot, slotNamed } from './slot.ts'
import { takeOver } from './take-over.ts'
import type { Parking } from './wish.ts'

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
export async function waitInSlot(call: Call, waiting: Waiting): Promise<Leg | null> {
  const { a } = call
  const { slot: name, timeoutMs, signal } = waiting
  using slot = new Slot(call, name)
  call.phase = 'verb'
  await holdInSlot(call, waiting)
  call.slot = slot
  const timer = call.x.clock.after(timeoutMs, () => slot.close())
  const onAbort = () => slot.close()
  signal?.addEventListener('abort', onAbort, { once: true })
  call.event('call.parked', { leg: a, data: { slot: name, timeoutMs } })
  let why = 'hangup'
  try {
    const leg = await comer(call, slot)
    why = leg ? 'picked-up' : signal?.aborted ? 'interrupted' : 'timeout'
    await lift(call, a)
    return leg
  } finally {
    call.slot = null
    // Where this call has ended first, whoever was on the way in goes with it.
    if (call.cause) slot.failed(call.cause)
    timer.cancel()
    signal?.removeEventListener('abort', onAbort)
    call.event('call.unparked', { leg: a, data: { slot: name, why } })
  }
}

async function holdInSlot(call: Call, { source, orSilent }: Waiting): Promise<void> {
  try {
    await holdLeg(call, call.a, { source, by: 'park' })
  } catch (error) {
    if (!orSilent || !(error instanceof ResourceUnavailable)) throw error
    await holdLeg(call, call.a, { source: null, by: 'park' })
  }
}

/** The first one to come that can be joined. */
async function comer(call: Call, slot: Slot): Promise<Leg | null> {
  for (;;) {
    const joiner = await call.whileUp(slot.next())
    if (!joiner) return null
    try {
      await takeOver(call, joiner, call.a, { cause: causeOf('switch', 'picked-up') })
      call.event('leg.transferred', { leg: call.a, data: { by: 'pick-up', to: joiner.leg.id, call: joiner.call.id } })
      call.phase = 'joined'
      return joiner.leg
    } catch (error) {
      call.throwIfOver()
      // It has hung up meanwhile, or there is no room for it.
      if (!(error instanceof TielineError)) throw error
      slot.failed(causeOfError(error))
    }
  }
}

/**
 * Carries the parking of one of two joined legs out: whoever asked is let go, and rung back when nobody picks the caller
 * up. Resolves with the leg that the caller talks to then, or with why there is none.
 */
export async function follow(call: Call, parking: Parking, b: Leg): Promise<{ leg: Leg } | DialResult> {
  const { by, slot, timeoutMs, music } = parking
  call.wish = null
  if (slotNamed(call.x, call.subscriber.id, slot)) {
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
