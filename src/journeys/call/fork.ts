import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import { type Attempt, type AttemptOptions, attempt } from './attempt.ts'
import type { Road } from './road.ts'

/** What is tried at once: the roads to one target that are the same to its caller. */
export function takenTogether(roads: readonly Road[]): Road[][] {
  const groups: Road[][] = []
  for (const road of roads) {
    const last = groups.at(-1)
    const first = last?.[0]
    if (first && isTelephone(first) && isTelephone(road)) last.push(road)
    else groups.push([road])
  }
  return groups
}

function isTelephone(road: Road): boolean {
  return road.via === 'channel' && road.contact !== undefined
}

/**
 * All of these roads at once (PITFALLS S13, S17): the first answer wins, and the others are told that the call was
 * completed elsewhere. A refusal for everywhere (6xx) ends them all; other refusals count when all have refused.
 * @throws ResourceUnavailable when there was room for none, CallOver
 */
export async function attemptAll(options: Omit<AttemptOptions, 'road'>, roads: readonly Road[]): Promise<Attempt> {
  const [only] = roads
  if (only && roads.length === 1) return attempt({ ...options, road: only })
  const legs = new Set<Leg>()
  const onLeg = (leg: Leg) => void legs.add(leg)
  const { promise, resolve, reject } = Promise.withResolvers<Attempt>()
  const failed: (Attempt & { kind: 'failed' })[] = []
  const errors: unknown[] = []
  let won = false
  const settle = (end: Attempt | null, error?: unknown) => {
    if (end?.kind === 'answered') {
      if (won) return void end.leg.end(causeOf('switch', 'answered-elsewhere'))
      won = true
      for (const leg of legs) if (leg !== end.leg) leg.end(causeOf('switch', 'answered-elsewhere'))
      return resolve(end)
    }
    if (end) failed.push(end)
    else errors.push(error)
    if (end && !won && (end.cause.sip ?? 0) >= 600) for (const leg of legs) leg.end(end.cause)
    if (won || failed.length + errors.length < roads.length) return
    const best = bestRefusal(failed)
    if (best) resolve(best)
    else reject(errors[0])
  }
  for (const road of roads) {
    attempt({ ...options, road, onLeg }).then(
      (end) => settle(end),
      (error: unknown) => settle(null, error),
    )
  }
  return await promise
}

/** What says most of why nobody answered (RFC 3261 §16.7 step 6): everywhere, then busy, then whoever answered at all. */
function bestRefusal(failed: (Attempt & { kind: 'failed' })[]): Attempt | undefined {
  return (
    failed.find(({ cause }) => (cause.sip ?? 0) >= 600) ??
    failed.find(({ cause }) => cause.reason === 'busy') ??
    failed.find(({ cause }) => cause.by === 'callee') ??
    failed[0]
  )
}
