import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { CallCause } from '#platform/words/index.ts'
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

/** All of these roads at once; `options` are for the first of them. @throws CallOver */
export function attemptAll(options: AttemptOptions, roads: readonly Road[]): Promise<Attempt> | Attempt {
  if (roads.length === 1) return attempt(options)
  return firstOf(roads.map((road) => (onLeg) => attempt({ ...options, road, onLeg: (leg) => tell(leg, onLeg, options.onLeg) })))
}

/** Both are told: whoever races these roads, and whoever races their target against others. */
export function tell(leg: Leg, ...told: (((leg: Leg) => void) | undefined)[]): void {
  for (const onLeg of told) onLeg?.(leg)
}

/** A way to an answer; it tells of each leg that it makes. */
export type Start = (onLeg: (leg: Leg) => void) => Promise<Attempt> | Attempt

/**
 * All at once (PITFALLS S13, S17): the first answer wins, and the others are told that the call was completed elsewhere,
 * also those that begin a leg only afterwards. A refusal for everywhere (6xx) ends them all; other refusals count when all
 * have refused. @throws CallOver
 */
export async function firstOf(starts: readonly Start[]): Promise<Attempt> {
  const legs = new Set<Leg>()
  const { promise, resolve, reject } = Promise.withResolvers<Attempt>()
  const failed: (Attempt & { kind: 'failed' })[] = []
  const errors: unknown[] = []
  let decided: CallCause | null = null
  const decide = (cause: CallCause, but?: Leg) => {
    decided = cause
    for (const leg of legs) if (leg !== but) leg.end(cause)
  }
  const onLeg = (leg: Leg) => {
    legs.add(leg)
    if (decided) leg.end(decided)
  }
  const settle = (end: Attempt | null, error?: unknown) => {
    if (end?.kind === 'answered') {
      if (decided) return void end.leg.end(decided)
      decide(causeOf('switch', 'answered-elsewhere'), end.leg)
      return resolve(end)
    }
    if (end) failed.push(end)
    else errors.push(error)
    if (end && !decided && (end.cause.sip ?? 0) >= 600) decide(end.cause)
    if (failed.length + errors.length < starts.length) return
    const best = bestRefusal(failed)
    if (best) resolve(best)
    else reject(errors[0])
  }
  for (const start of starts) {
    Promise.resolve(start(onLeg)).then(
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
    failed.find(({ refused }) => !refused) ??
    failed[0]
  )
}
