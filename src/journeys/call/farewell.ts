import type { Farewell, Leg } from '#platform/switch/index.ts'
import { CAUSES, causeOf, toldStatus, writeReason } from '#platform/trunk/index.ts'
import type { CallCause } from '#platform/words/index.ts'

/** Seconds in Retry-After where the node has no room. */
const RETRY_AFTER_SECONDS = '5'

/**
 * What the far end of a leg is told: our words only, nothing of the other leg's (PITFALLS F08). That no trunk serves is 503 to a
 * site, and 500 to a carrier, which would send nobody's calls here any more (RFC 3261 §21.5.4).
 */
export function farewell(cause: CallCause, leg: Leg): Farewell {
  const headers: [string, string][] = [['Reason', writeReason(cause)]]
  const elsewhere = cause.reason === 'trunk-resting' && leg.facts.via === 'trunk'
  const status = toldStatus(elsewhere ? causeOf('network', 'temporary-failure') : cause)
  if (cause.retryAfterSeconds !== undefined) headers.push(['Retry-After', String(cause.retryAfterSeconds)])
  else if (status === CAUSES.pool.sip) headers.push(['Retry-After', RETRY_AFTER_SECONDS])
  return { status, headers }
}
