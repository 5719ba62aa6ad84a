import type { Leg } from '#platform/switch/index.ts'
import type { DialResult } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { carry } from './carry.ts'
import { follow } from './transfer.ts'

/** Carries two joined legs, and those that take their places by transfer, until the second one is over. */
export async function converse(call: Call, b: Leg): Promise<DialResult> {
  let leg = b
  for (;;) {
    const next = await carry(call, leg)
    if ('status' in next) return next
    const followed = await follow(call, next, leg)
    if ('status' in followed) return followed
    leg = followed.leg
  }
}
