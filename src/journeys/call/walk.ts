import type { CallCause } from '#platform/words/index.ts'
import type { Attempt } from './attempt.ts'
import type { Call } from './call.ts'
import { takenTogether } from './fork.ts'
import type { Patience } from './patience.ts'
import type { Road } from './road.ts'

type Take = (group: readonly Road[], lastRoad: boolean) => Promise<Attempt> | Attempt

/** Takes roads in their order until one of them answers or has said why not; the events tell of each that does not serve. @throws CallOver */
export function walkRoads(call: Call, patience: Patience, roads: readonly Road[], take: Take): Promise<Attempt> | Attempt {
  return roads.length === 1 ? take(roads, true) : walkGroups(call, patience, takenTogether(roads), take)
}

async function walkGroups(call: Call, patience: Patience, groups: readonly Road[][], take: Take): Promise<Attempt> {
  let soonest = Number.POSITIVE_INFINITY
  for (const [i, group] of groups.entries()) {
    const next = groups[i + 1]?.[0]
    const end = await take(group, !next)
    call.throwIfOver()
    if (end.kind === 'answered') return end
    const resting = end.cause.reason === 'trunk-resting'
    // Whichever serves again first is worth another call.
    if (resting) soonest = Math.min(soonest, end.cause.retryAfterSeconds ?? soonest)
    if (!end.moveOn || !next || patience.spent) {
      return resting ? { ...end, cause: { ...end.cause, retryAfterSeconds: soonest } } : end
    }
    tellDiverted(call, end, group[0]!, next)
  }
  throw new Error('there is a road')
}

function tellDiverted(
  call: Call,
  { leg, cause }: { leg: { id: Call['a']['id'] } | null; cause: CallCause },
  from: Road,
  next: Road,
): void {
  call.event('leg.diverted', {
    ...(leg ? { leg } : {}),
    cause,
    data: {
      ...{ from: from.via, to: next.via, why: cause.reason },
      ...(from.via === 'trunk' && next.via === 'trunk' ? { trunk: next.trunk.name } : {}),
    },
  })
}
