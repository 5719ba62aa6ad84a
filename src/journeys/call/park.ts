import type { VerbMethods } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { converse } from './converse.ts'
import { verbError } from './over.ts'
import { waitInSlot } from './parking.ts'
import { answer, promptOf } from './prompt.ts'
import { PARKING_SECONDS, slotNamed } from './slot.ts'
import { isUser } from './user.ts'
import { type Parking, partnerOf, wish } from './wish.ts'

type Params = VerbMethods['call.park']['params']

/** The caller waits in a slot until somebody picks it up, and talks to that one then; or nobody comes in time. */
export async function park(call: Call, params: Params, signal: AbortSignal): Promise<VerbMethods['call.park']['result']> {
  const { slot, timeoutSeconds = PARKING_SECONDS, music } = params
  checkSlot(call, slot)
  const source = music ? promptOf(call, music) : null
  await answer(call)
  const leg = await waitInSlot(call, { slot, source, timeoutMs: timeoutSeconds * 1000, signal })
  if (!leg && signal.aborted) throw verbError('interrupted', 'the verb was given up')
  if (!leg) return { reason: 'timeout', durationSeconds: 0 }
  const { durationSeconds, cause } = await converse(call, leg)
  call.throwIfOver()
  return { reason: 'picked-up', durationSeconds, cause }
}

/** While two legs talk: the dialled one is let go, and rung back when nobody picks the caller up. Resolves when it is parked. */
export async function parkJoined(call: Call, params: Params): Promise<null> {
  const { slot, timeoutSeconds = PARKING_SECONDS, music } = params
  checkSlot(call, slot)
  const source = music ? promptOf(call, music) : null
  const by = partnerOf(call, call.a)
  const parked = Promise.withResolvers<null>()
  const report: Parking['report'] = async () => parked.resolve(null)
  const asked = by && wish(call, { kind: 'park', by, slot, timeoutMs: timeoutSeconds * 1000, music: source, report })
  if (!asked) throw verbError('invalid-argument', 'only a caller who is joined to a dialled leg can be parked')
  return call.whileUp(parked.promise)
}

function checkSlot(call: Call, slot: string): void {
  if (slotNamed(call.x, call.subscriber.id, slot)) throw verbError('invalid-argument', 'a call is in that slot already')
  if (isUser(call.x, call.subscriber, slot)) throw verbError('invalid-argument', 'a telephone has that name')
}
