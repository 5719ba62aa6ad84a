import type { Leg } from '#platform/switch/index.ts'
import { dialStatus } from '#platform/trunk/index.ts'
import type { DialResult } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { converse } from './converse.ts'
import { type ReachOptions, reach } from './reach.ts'
import type { CallRecording } from './recording.ts'

export interface DialOptions extends Omit<ReachOptions, 'relay'> {
  /** Records both sides once the leg is answered; a recorder has been leased. */
  record?: ((b: Leg) => CallRecording | null) | undefined
}

/**
 * Dials and, when answered, carries the call until the dialled leg, or the one that it was transferred to, is over.
 * Resolves with what became of it; the caller's leg may be over by then, and the call with it. Rejects with CallOver when that is so
 * before an answer, with ResourceUnavailable when a lease is refused.
 */
export async function dial(call: Call, options: DialOptions): Promise<DialResult> {
  const { record, music, ears } = options
  const relay = [record, music, ears].some((option) => option !== undefined)
  const reached = await reach(call, { ...options, relay })
  if ('failed' in reached) return reached.failed
  const recording = record?.(reached.leg)
  const result = await converse(call, reached.leg)
  // Who answers for a network that has nobody has not answered.
  if (ears?.progress?.refused(reached.leg)) result.status = dialStatus(result.cause)
  if (recording) result.recording = recording.id
  if (ears?.answering) result.answeredBy = ears.answering.answeredBy
  return result
}
