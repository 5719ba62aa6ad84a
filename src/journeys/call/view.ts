import type { CallView } from '#platform/words/index.ts'
import type { Call } from './call.ts'

/** A call as the API shows it: the legs that are up. */
export function viewOf(call: Call): CallView {
  const { id, from, to, startedAt } = call.facts
  const view: CallView = {
    ...{ id, subscriber: call.subscriber.id, state: call.phase, from, to },
    startedAt: new Date(startedAt.wall).toISOString(),
    legs: [],
  }
  if (call.answeredAt) view.answeredAt = new Date(call.answeredAt.wall).toISOString()
  for (const leg of call.legs) {
    if (leg.cause) continue
    view.legs.push(call.holds?.has(leg) ? { ...leg.view(), state: 'hold' } : leg.view())
  }
  return view
}
