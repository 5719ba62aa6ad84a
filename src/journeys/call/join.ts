import { causeOf } from '#platform/trunk/index.ts'
import type { DialResult, VerbMethods } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { converse } from './converse.ts'
import { verbError } from './over.ts'
import { answer } from './prompt.ts'
import { slotNamed } from './slot.ts'
import { takeOver } from './take-over.ts'

type Params<V extends keyof VerbMethods> = VerbMethods[V]['params']

/** The caller of another call of the subscriber is joined to this one's; that call is over by it. Resolves as `dial` does. */
export async function join(call: Call, { other: id }: Params<'call.join'>): Promise<DialResult> {
  await answer(call)
  const other = call.x.calls.get(id)
  if (!other || other === call || other.subscriber.id !== call.subscriber.id || other.cause) {
    throw verbError('invalid-argument', 'there is no such other call')
  }
  const { a: leg, phase, slot } = other
  if (phase !== 'verb' || slot || !leg.isConnected) {
    throw verbError('invalid-argument', 'the other call must be answered, and neither joined nor parked')
  }
  await takeOver(call, { call: other, leg }, call.a, causeOf('agent', 'joined'))
  call.event('call.joined', { leg, data: { call: other.id } })
  return converse(call, leg)
}

/** The caller picks up who is parked: it goes over to that call, and this one is over by it, which its program hears. */
export async function pickUp(call: Call, { slot }: Params<'call.pickUp'>): Promise<null> {
  await answer(call)
  const found = slotNamed(call.x, call.subscriber.id, slot)
  if (!found?.take({ call, leg: call.a })) throw verbError('invalid-argument', 'nobody is parked in that slot')
  return call.whileUp(new Promise<null>(() => {}))
}
