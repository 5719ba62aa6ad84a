import { causeOf } from '#platform/trunk/index.ts'
import type { Alerting, DialResult, VerbMethods } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { converse } from './converse.ts'
import { verbError } from './over.ts'
import { alertingCall } from './pickup.ts'
import { answer } from './prompt.ts'
import { type Slot, slotNamed } from './slot.ts'
import { takeOver } from './take-over.ts'

type Params<V extends keyof VerbMethods> = VerbMethods[V]['params']

/** The caller of another call of the subscriber is joined to this one's; that call is over by it. Resolves as `dial` does. */
export async function join(call: Call, { other: id }: Params<'call.join'>): Promise<DialResult> {
  const named = call.x.calls.get(id)
  await answer(call, named?.subscriber.id === call.subscriber.id ? named : null)
  const other = call.x.calls.get(id)
  if (!other || other === call || other.subscriber.id !== call.subscriber.id || other.cause) {
    throw verbError('invalid-argument', 'there is no such other call')
  }
  const { a: leg, phase, slot } = other
  if (phase !== 'verb' || slot || !leg.isConnected) {
    throw verbError('invalid-argument', 'the other call must be answered, and neither joined nor parked')
  }
  await takeOver(call, { call: other, leg }, call.a, { cause: causeOf('agent', 'joined') })
  call.event('call.joined', { leg, data: { call: other.id } })
  const result = await converse(call, leg)
  call.throwIfOver()
  return result
}

/**
 * The caller picks up who is parked, or what rings elsewhere: it goes over to that call, and this one is over by it, which its
 * program hears. Where it cannot be had, all is as it was; the caller has been answered.
 */
export async function pickUp(call: Call, { slot, ...what }: Params<'call.pickUp'>): Promise<never> {
  const find = () => (slot === undefined ? alertingCall(call.x, call.subscriber.id, alertingOf(what)) : parkedIn(call, slot))
  await answer(call, find().call)
  const cause = await call.whileUp(find().take({ call, leg: call.a }))
  throw verbError('verb-failed', cause.text ?? cause.reason)
}

function parkedIn(call: Call, slot: string): Slot {
  const parked = slotNamed(call.x, call.subscriber.id, slot)
  if (!parked) throw verbError('invalid-argument', 'nobody is parked in that slot')
  return parked
}

function alertingOf({ user, other, leg }: Omit<Params<'call.pickUp'>, 'slot'>): Alerting {
  if (user !== undefined) return { user }
  if (other !== undefined) return { call: other }
  if (leg !== undefined) return { leg }
  throw verbError('invalid-argument', 'one of slot, user, other and leg says what is picked up')
}
