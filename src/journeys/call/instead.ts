import { TielineError } from '#lib/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import type { DialResult } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { type ReachOptions, reach } from './reach.ts'
import { causeOfError } from './run.ts'

/**
 * Reaches somebody while two legs talk that must not be lost by it: that there is no resource for it, or that whoever answers does so
 * with what nobody has offered, is a failure like any other. Rejects with CallOver alone.
 */
export async function reachInstead(call: Call, options: ReachOptions): Promise<{ leg: Leg } | { failed: DialResult }> {
  try {
    return await reach(call, { ...options, relay: true })
  } catch (error) {
    return { failed: failureOf(call, error) }
  }
}

/** What a refused lease, or whatever else the world can cause, comes to. A fault of ours is thrown on. */
export function failureOf(call: Call, error: unknown): DialResult {
  call.throwIfOver()
  if (!(error instanceof TielineError)) throw error
  return { status: 'failed', durationSeconds: 0, cause: causeOfError(error) }
}
