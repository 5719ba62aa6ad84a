import { newId } from '#lib/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import { instantOf, type VerbMethods } from '#platform/words/index.ts'
import { attend } from './attend.ts'
import { Call } from './call.ts'
import { verbError } from './over.ts'
import { run } from './run.ts'
import { move } from './take-over.ts'
import { wish } from './wish.ts'

/**
 * Two joined legs are two calls again: the dialled one goes on as one of its own, which its agent is offered, and ends
 * when that is done with it.
 */
export function split(call: Call): Promise<VerbMethods['call.split']['result']> {
  const { promise, resolve } = Promise.withResolvers<VerbMethods['call.split']['result']>()
  const begin = (b: Leg) => {
    const other = callOf(call, b)
    resolve({ call: other.id })
    void run(other, async () => {
      const departure = await attend(other, 'offered', call.id)
      other.end(causeOf('agent', departure === 'returned' ? 'agent-returned' : 'left-alone'))
    })
  }
  if (!wish(call, { kind: 'split', begin })) throw verbError('invalid-argument', 'only two legs that are joined can be split')
  return call.whileUp(promise)
}

/** The dialled leg as a call: who was called is its caller, and it is for the number that the first call was for. */
function callOf(call: Call, b: Leg): Call {
  const { x, subscriber, facts } = call
  const other = new Call(x, subscriber, {
    ...{
      id: newId('call', x.clock.wall()),
      direction: b.facts.via === 'trunk' ? 'in' : 'out',
      startedAt: instantOf(x.clock, x.boot),
    },
    ...{ from: b.facts.party, to: facts.to, anonymous: false, maxForwards: facts.maxForwards, emergency: false },
  })
  other.decided = true
  other.phase = 'verb'
  call.media
    .get(b.id)
    ?.endpoint.part()
    .catch(() => {}) // its going silent is what matters, and its leg says that
  call.event('call.split', { leg: b, data: { call: other.id } })
  move(other, { call, leg: b }, null)
  other.event('call.offered', { leg: b, data: { from: other.facts.from, to: other.facts.to, split: call.id } })
  return other
}
