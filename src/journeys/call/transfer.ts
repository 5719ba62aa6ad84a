import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { DialResult, VerbMethods } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { joinAudio } from './connect.ts'
import { ears } from './ears.ts'
import { lift } from './hold.ts'
import { failureOf, reachInstead } from './instead.ts'
import { CallOver, verbError } from './over.ts'
import { mayGoBack } from './pair.ts'
import { takeOver } from './take-over.ts'
import { isFree, type Joiner, partnerOf, type Transfer, wish } from './wish.ts'

/** Ms that a transferor has for its own BYE, once it knows that all went well. */
const FAREWELL_MS = 2000

/**
 * Carries a transfer out (PITFALLS S26–S29): who comes is dialled, or taken out of the call where it is, for the leg that
 * stays, while the transferor may hang up or wait. Resolves with the leg that is joined to the call's first one now: the new
 * one, or, where it could not be had and the transferor is still there, the old one; else with how the conversation ended.
 */
export async function follow(call: Call, transfer: Transfer, b: Leg): Promise<{ leg: Leg } | DialResult> {
  const { by, to } = transfer
  using _room = mayGoBack(call)
  void transfer.report({ sip: 100, text: 'Trying' })
  const attended = 'joiner' in to
  if (!attended) call.event('call.routed', { data: { by: 'transfer', target: to.target } })
  const reached = attended
    ? await takeIn(call, to.joiner)
    : await reachInstead(call, { target: to.target, timeoutMs: call.x.limits.ringMs, ears: to.ears ?? undefined })
  if ('leg' in reached) {
    call.wish = null
    await lift(call, call.a)
    call.holds?.delete(by)
    const whom = attended ? { call: to.joiner.call.id } : { target: to.target }
    call.event('leg.transferred', { leg: call.a, data: { by: by.id, to: reached.leg.id, ...whom } })
    void partWith(call, transfer)
    return reached
  }
  const { cause } = reached.failed
  const tell = () => void transfer.report({ sip: cause.sip ?? 480, text: 'Not transferred', cause })
  if (by.cause) {
    tell()
    call.phase = 'verb'
    call.wish = null
    return { ...reached.failed, status: 'answered' }
  }
  if (by !== b) call.promote(by)
  if (!call.holds?.size) await joinAudio(call, call.a, b)
  call.save()
  // Last, for it may ask again as soon as it knows.
  call.wish = null
  tell()
  return { leg: b }
}

/** Who is there already, in another call. */
async function takeIn(call: Call, joiner: Joiner): Promise<{ leg: Leg } | { failed: DialResult }> {
  try {
    await takeOver(call, joiner, call.a, { cause: causeOf('switch', 'transferred') })
    call.phase = 'joined'
    return { leg: joiner.leg }
  } catch (error) {
    // Its call is over, meanwhile.
    if (error instanceof CallOver && !call.cause)
      return { failed: { status: 'failed', durationSeconds: 0, cause: causeOf('switch', 'no-dialog') } }
    return { failed: failureOf(call, error) }
  }
}

/** The transferor is told, and hangs up; one that doesn't is hung up. */
async function partWith(call: Call, { by, report }: Transfer): Promise<void> {
  await report({ sip: 200, text: 'OK' })
  if (by.cause) return
  call.x.clock.after(FAREWELL_MS, () => by.end(causeOf('switch', 'transferred')))
}

type Verb = VerbMethods['call.transfer']

/** The agent's word instead of a far end's: the dialled leg is the one that is let go. */
export async function transferByCommand(call: Call, { target, amd, progress }: Verb['params']): Promise<Verb['result']> {
  const by = partnerOf(call, call.a)
  const { promise, resolve } = Promise.withResolvers<Verb['result']>()
  const report: Transfer['report'] = async ({ sip, cause }) => {
    if (sip >= 200) resolve({ transferred: sip < 300, ...(cause ? { cause } : {}) })
  }
  using listening = by && isFree(call) && (amd || progress) ? ears(call, { amd, progress }) : null
  if (!by || !wish(call, { kind: 'transfer', by, to: { target, ears: listening }, report })) {
    throw verbError('invalid-argument', 'only a caller who is joined to a dialled leg can be transferred')
  }
  return await call.whileUp(promise)
}
