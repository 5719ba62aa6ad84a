import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { DialResult } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { joinAudio } from './connect.ts'
import { reach } from './reach.ts'
import type { Transfer } from './refer.ts'

/** Ms that a transferor has for its own BYE, once it knows that all went well. */
const FAREWELL_MS = 2000

/**
 * Carries a blind transfer out (PITFALLS S26–S28): the target is dialled for the leg that stays, while the transferor may
 * hang up or wait. Resolves with the leg that is joined to the call's first one now: the new one, or, where it could not
 * be had and the transferor is still there, the old one; else with how the conversation ended.
 */
export async function follow(call: Call, transfer: Transfer, b: Leg): Promise<{ leg: Leg } | DialResult> {
  const { by, target } = transfer
  void transfer.report(100, 'Trying')
  call.event('call.routed', { data: { by: 'transfer', target } })
  const reached = await reach(call, { target, timeoutMs: call.x.limits.ringMs, relay: true })
  if ('leg' in reached) {
    call.transfer = null
    call.event('leg.transferred', { leg: call.a, data: { by: by.id, target, to: reached.leg.id } })
    void partWith(call, transfer)
    return reached
  }
  const { cause } = reached.failed
  const tell = () => void transfer.report(cause.sip ?? 480, 'Not transferred')
  if (by.cause) {
    tell()
    call.phase = 'verb'
    call.transfer = null
    return { ...reached.failed, status: 'answered' }
  }
  if (by !== b) call.promote(by)
  await joinAudio(call, call.a, b)
  call.save()
  // Last, for it may ask again as soon as it knows.
  call.transfer = null
  tell()
  return { leg: b }
}

/** The transferor is told, and hangs up; one that doesn't is hung up. */
async function partWith(call: Call, { by, report }: Transfer): Promise<void> {
  await report(200, 'OK')
  if (by.cause) return
  call.x.clock.after(FAREWELL_MS, () => by.end(causeOf('switch', 'transferred')))
}
