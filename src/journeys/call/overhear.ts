import { type Id, sleep } from '#lib/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import type { Detection } from '#platform/words/index.ts'
import { LinkLost } from '#protocol/link/index.ts'
import type { Call } from './call.ts'

/** How often voice is asked again that was lost and has the leg still, and ms before. */
const AGAIN = { times: 3, afterMs: 20 } as const

/**
 * Has voice listen to a leg, until there is nothing more to be found. Where only the link to it was lost, or the switch, it has gone on
 * meanwhile, and is asked again by the same verb. Null where voice has lost the leg. Rejects as voice does.
 */
export async function overhear(call: Call, leg: Leg, params: { verb: Id<'verb'> } & Detection): Promise<unknown> {
  const { clock, voice } = call.x
  const endpoint = call.media.get(leg.id)?.endpoint
  if (!endpoint) return null
  const { id } = endpoint
  for (let tries = 0; ; tries++) {
    await voice.settled(endpoint)
    if (endpoint.lost || endpoint.id !== id) return null
    try {
      return await endpoint.detect(params)
    } catch (error) {
      if (!(error instanceof LinkLost) || tries === AGAIN.times) throw error
      await sleep(clock, AGAIN.afterMs)
    }
  }
}
