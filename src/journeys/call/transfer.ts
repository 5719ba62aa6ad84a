import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { DialResult, VerbMethods } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { joinAudio } from './connect.ts'
import { verbError } from './over.ts'
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
  void transfer.report({ sip: 100, text: 'Trying' })
  call.event('call.routed', { data: { by: 'transfer', target } })
  const reached = await reach(call, { target, timeoutMs: call.x.limits.ringMs, relay: true })
  if ('leg' in reached) {
    call.transfer = null
    call.event('leg.transferred', { leg: call.a, data: { by: by.id, target, to: reached.leg.id } })
    void partWith(call, transfer)
    return reached
  }
  const { cause } = reached.failed
  const tell = () => void transfer.report({ sip: cause.sip ?? 480, text: 'Not transferred', cause })
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
  await report({ sip: 200, text: 'OK' })
  if (by.cause) return
  call.x.clock.after(FAREWELL_MS, () => by.end(causeOf('switch', 'transferred')))
}

type Verb = VerbMethods['call.transfer']

/** The agent's word instead of a far end's: the dialled leg is the one that is let go. */
export function transferByCommand(call: Call, { target }: Verb['params']): Promise<Verb['result']> {
  const by = call.legs.find((leg) => leg !== call.a && leg.isConnected)
  if (call.phase !== 'joined' || call.transfer || !by) {
    throw verbError('invalid-argument', 'only a caller who is joined to a dialled leg can be transferred')
  }
  const { promise, resolve } = Promise.withResolvers<Verb['result']>()
  const report: Transfer['report'] = async ({ sip, cause }) => {
    if (sip >= 200) resolve({ transferred: sip < 300, ...(cause ? { cause } : {}) })
  }
  call.transfer = { by, target, report }
  call.onTransfer?.(call.transfer)
  return call.whileUp(promise)
}
