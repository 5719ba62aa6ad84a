import { ResourceUnavailable } from '#platform/resource/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import type { DialResult } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { type ReachOptions, reach } from './reach.ts'
import { causeOfError } from './run.ts'

/**
 * Reaches somebody while two legs talk that must not be lost by it: what is refused for want of a resource is a failure
 * like any other. Rejects with CallOver alone.
 */
export async function reachInstead(call: Call, options: ReachOptions): Promise<{ leg: Leg } | { failed: DialResult }> {
  try {
    return await reach(call, { ...options, relay: true })
  } catch (error) {
    return { failed: failureOf(call, error) }
  }
}

/** What a refused lease comes to. Anything else is thrown on. */
export function failureOf(call: Call, error: unknown): DialResult {
  call.throwIfOver()
  if (!(error instanceof ResourceUnavailable)) throw error
  return { status: 'failed', durationSeconds: 0, cause: causeOfError(error) }
}
