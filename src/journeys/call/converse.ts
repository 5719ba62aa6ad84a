import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import { type DialResult, durationMs, type SubscriberConfig } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { Carrying } from './carry.ts'
import { follow as consult } from './consult.ts'
import { liftAll } from './hold.ts'
import { reachInstead } from './instead.ts'
import { follow as park } from './parking.ts'
import { follow as transfer } from './transfer.ts'
import type { Split, Wish } from './wish.ts'

/**
 * Carries two joined legs, and those that take their places, also when their channel is cut, until the second one is over, or the
 * call is. What is asked of them meanwhile is carried out here, one thing after the other, and may reject with CallOver.
 */
export async function converse(call: Call, b: Leg): Promise<DialResult> {
  let leg = b
  for (;;) {
    const carrying = new Carrying(call, leg)
    const wish = await carrying.wishOrEnd
    const next = wish && !call.cause ? wish : carrying.result()
    const end = 'kind' in next ? await carryOut(call, next, leg) : wasCut(call, next) ? await pastChannel(call, leg, next) : next
    if ('status' in end) {
      if (call.cause) return end
      call.phase = 'verb'
      await liftAll(call)
      call.save()
      return end
    }
    leg = end.leg
  }
}

function carryOut(call: Call, wish: Wish, b: Leg): Promise<{ leg: Leg } | DialResult> | DialResult {
  switch (wish.kind) {
    case 'transfer':
      return transfer(call, wish, b)
    case 'park':
      return park(call, wish, b)
    case 'consult':
      return consult(call, wish, b)
    case 'split':
      return part(call, wish, b)
  }
}

/** The dialled leg goes on by itself, and for this call it is as if it were over. */
function part(call: Call, { begin }: Split, b: Leg): DialResult {
  const joinedAt = call.x.registry.answeredSince(call.id, b.id) ?? call.now()
  call.wish = null
  call.phase = 'verb'
  begin(b)
  call.save()
  return { status: 'answered', durationSeconds: durationMs(joinedAt, call.now()) / 1000, cause: causeOf('agent', 'split') }
}

/** Whether the channel was cut under the dialled leg, and its subscriber wants the site to be dialled anew. */
function wasCut(call: Call, { cause }: DialResult): boolean {
  return cause.reason === 'channel-lost' && !call.cause && movesToTrunk(call.subscriber)
}

/** The site is dialled anew over the trunk, and the caller hears it ring meanwhile. Rejects with CallOver when the caller gives up. */
async function pastChannel(call: Call, leg: Leg, over: DialResult): Promise<{ leg: Leg } | DialResult> {
  const { cause } = over
  call.event('leg.diverted', { leg, cause, data: { from: 'channel', to: 'trunk', why: cause.reason } })
  await liftAll(call)
  const { number = '' } = leg.facts.party
  const reached = await reachInstead(call, { target: { pbx: number }, via: 'trunk', timeoutMs: call.x.limits.ringMs })
  return 'leg' in reached ? reached : over
}

function movesToTrunk({ survival, site }: SubscriberConfig): boolean {
  return survival?.channel === 'trunk' && site.pbx?.number !== undefined
}
