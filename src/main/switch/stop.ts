import type { Exchange } from '#journeys/call/index.ts'
import { sleep } from '#lib/index.ts'
import { causeOf } from '#platform/trunk/index.ts'

/** Ms that far ends have to answer the last BYE. */
const FAREWELL_MS = 2000

/** Waits until no call is up, at most `ms`, and no longer than `hurry` says. */
export async function drainCalls({ calls, clock, log }: Exchange, ms: number, hurry: AbortSignal): Promise<void> {
  const until = clock.now() + ms
  if (calls.size > 0 && ms > 0) log.info({ calls: calls.size, seconds: ms / 1000 }, 'the switch drains: calls may go on')
  while (calls.size > 0 && clock.now() < until && !hurry.aborted) await sleep(clock, 50, hurry).catch(() => {})
}

/** Ends every call, and waits for it within limits: until all are cleared and their last transactions answered. */
export async function stopCalls(exchange: Exchange): Promise<void> {
  for (const call of exchange.calls.values()) call.end(causeOf('operator', 'switch-stopped'))
  const until = exchange.clock.now() + FAREWELL_MS
  while (exchange.clock.now() < until) {
    if (exchange.calls.size === 0 && exchange.realms.counts.sessions === 0) return
    await sleep(exchange.clock, 20)
  }
}
