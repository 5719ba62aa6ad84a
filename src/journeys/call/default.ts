import { ResourceUnavailable } from '#platform/resource/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { ProgressOptions, SubscriberConfig, Target } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { converse } from './converse.ts'
import type { Departure } from './desk.ts'
import { type Ears, ears } from './ears.ts'
import { reach } from './reach.ts'

/** What happens when no agent decides over a call any more. A program that has done its work is obeyed: the call ends. */
export function decideWithoutAgent(call: Call, why: Departure): Promise<void> | undefined {
  if (why === 'returned' && call.decided) {
    call.end(call.failure ?? causeOf('agent', 'agent-returned'))
    return undefined
  }
  // Its agent, if there still is one, has had its time: it may not command what it does not hold.
  call.x.agents.ended(call.subscriber.id, call.id, { by: 'switch', reason: why })
  return takeDefaultRoute(call, why)
}

/** What a telephone dials that is neither a number nor a name: its agent alone knows what is meant. */
export function isCode(number: string): boolean {
  return /^\*[\d*]{1,31}$/.test(number)
}

/** As an extension in the default route: whatever number was called. */
const CALLED = '*'

/** Step 5 by the stored route; the event says why (DESIGN §4, 3). */
async function takeDefaultRoute(call: Call, why: Departure): Promise<void> {
  if (isCode(call.facts.to.number)) return call.end(causeOf('switch', 'incomplete-number'))
  const { defaultRoute } = call.subscriber
  const { via, progress } = defaultRoute
  const target = targetOf(call, defaultRoute)
  call.event('call.routed', { data: { by: 'default', why, target } })
  using listening = listens(call, progress)
  const relay = listening !== null
  const reached = await reach(call, { target, via, timeoutMs: call.x.limits.ringMs, ears: listening ?? undefined, relay })
  const { cause } = 'leg' in reached ? await converse(call, reached.leg) : reached.failed
  call.end(cause)
}

/** A PBX with numbers of its own is asked for the one that was called. */
function targetOf(call: Call, route: SubscriberConfig['defaultRoute']): Target {
  if ('pbx' in route && route.pbx === CALLED) return { pbx: call.facts.to.number }
  if (!route.via && !route.progress) return route
  const { via: _via, progress: _progress, ...target } = route
  return target
}

/** A call that nobody decides over does not end for want of a detector. */
function listens(call: Call, progress: ProgressOptions | undefined): Ears | null {
  if (!progress) return null
  try {
    return ears(call, { progress })
  } catch (error) {
    if (error instanceof ResourceUnavailable) return null
    throw error
  }
}
