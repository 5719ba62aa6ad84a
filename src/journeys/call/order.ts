import { type Id, newId } from '#lib/index.ts'
import { checkVerb } from '#platform/agent/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { CallCause, CallOrder } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import type { Exchange } from './exchange.ts'
import { hold, retrieve } from './hold.ts'
import { originate } from './originate.ts'
import { callOver } from './over.ts'
import { parkJoined } from './park.ts'
import { transferByCommand } from './transfer.ts'

/** What somebody outside commands of a call, by the API: checked like an agent's verb, and done at once. */
export async function order(
  x: Exchange,
  id: Id<'call'>,
  { verb, params }: CallOrder,
  by: 'operator' | 'subscriber',
): Promise<unknown> {
  const call = x.calls.get(id)
  if (!call || call.cause) throw callOver(call?.cause ?? causeOf('switch', 'hangup'))
  const given = { ...params, call: id }
  switch (verb) {
    case 'hold':
      return hold(call, checkVerb('call.hold', given), by)
    case 'retrieve':
      return retrieve(call, checkVerb('call.retrieve', given))
    case 'transfer':
      return transferByCommand(call, checkVerb('call.transfer', given))
    case 'park':
      return parkJoined(call, checkVerb('call.park', given))
    case 'pickup':
      return pickUpBy(call, params, by)
  }
}

/** Somebody else is called to take a call that rings. Resolves when that is so, or why it is not. */
async function pickUpBy(
  { x, id, subscriber }: Call,
  { by: taker, leg }: Record<string, unknown>,
  by: 'operator' | 'subscriber',
): Promise<{ pickedUp: boolean; cause?: CallCause }> {
  const what = leg === undefined ? { call: id } : { leg }
  const wanted = checkVerb('call.make', { call: newId('call', x.clock.wall()), from: taker, to: { pickUp: what } })
  const launched = originate(x, subscriber.id, wanted, by)
  const made = x.calls.get(wanted.call)
  const over = new Promise<void>((resolve) => made?.onOver(resolve))
  await launched
  await over
  const cause = made?.cause ?? causeOf('switch', 'no-dialog')
  return cause.reason === 'picked-up' ? { pickedUp: true } : { pickedUp: false, cause }
}
