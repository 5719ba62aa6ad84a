import type { Leg } from '#platform/switch/index.ts'
import type { DialResult, SubscriberConfig } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { carry } from './carry.ts'
import { reach } from './reach.ts'
import { follow } from './transfer.ts'

/**
 * Carries two joined legs, and those that take their places by transfer or when their channel is cut, until the second one
 * is over.
 */
export async function converse(call: Call, b: Leg): Promise<DialResult> {
  let leg = b
  for (;;) {
    const next = await carry(call, leg)
    if ('status' in next) {
      const other = await pastChannel(call, leg, next)
      if (!other) return next
      leg = other
      continue
    }
    const followed = await follow(call, next, leg)
    if ('status' in followed) return followed
    leg = followed.leg
  }
}

/**
 * The channel was cut under a leg: by the subscriber's policy, the site is dialled anew over the trunk, and the caller hears it
 * ring meanwhile. Null where the conversation is over. Rejects with CallOver when the caller gives up.
 */
async function pastChannel(call: Call, leg: Leg, { cause }: DialResult): Promise<Leg | null> {
  if (cause.reason !== 'channel-lost' || !movesToTrunk(call.subscriber)) return null
  call.event('leg.diverted', { leg, cause, data: { from: 'channel', to: 'trunk', why: cause.reason } })
  const { number = '' } = leg.facts.party
  const reached = await reach(call, { target: { pbx: number }, via: 'trunk', timeoutMs: call.x.limits.ringMs, relay: true })
  return 'leg' in reached ? reached.leg : null
}

function movesToTrunk({ survival, site }: SubscriberConfig): boolean {
  return survival?.channel === 'trunk' && site.pbx?.number !== undefined
}
