import type { Id } from '#lib/index.ts'
import { checkVerb } from '#platform/agent/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { CallOrder } from '#platform/words/index.ts'
import type { Exchange } from './exchange.ts'
import { hold, retrieve } from './hold.ts'
import { CallOver } from './over.ts'
import { parkJoined } from './park.ts'
import { transferByCommand } from './transfer.ts'

/** What somebody outside commands of a call whose two legs talk, by the API: checked like an agent's verb, and done at once. */
export async function order(x: Exchange, id: Id<'call'>, { verb, params }: CallOrder, by: string): Promise<unknown> {
  const call = x.calls.get(id)
  if (!call || call.cause) throw new CallOver(call?.cause ?? causeOf('switch', 'hangup'))
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
  }
}
