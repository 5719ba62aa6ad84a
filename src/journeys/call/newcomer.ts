import { newId } from '#lib/index.ts'
import { acceptsOffer, type Leg } from '#platform/switch/index.ts'
import { causeOf, type Reason } from '#platform/trunk/index.ts'
import { type CallCause, type Demand, instantOf, type SubscriberConfig, type TrunkConfig } from '#platform/words/index.ts'
import { type IncomingInvite, parseReplaces } from '#protocol/sip/index.ts'
import { admitCall, refuse } from './admit.ts'
import { readArrival } from './arrival.ts'
import { Call } from './call.ts'
import { policyOf, sideOfSite } from './codecs.ts'
import { answerCaller } from './connect.ts'
import { answerBody } from './dialog.ts'
import type { Exchange } from './exchange.ts'
import { openMedia } from './media.ts'
import { mayReplace, replacedLeg, ringingCall } from './replaced.ts'
import { run } from './run.ts'
import { slotNamed } from './slot.ts'
import { isTelephone } from './user.ts'
import { isFree, type Joiner, wish } from './wish.ts'

/** Where somebody comes into a call that is there. */
interface Place {
  call: Call
  /** Whom the newcomer is to talk to. */
  partner: Leg | null
  /** Resolves with a cause when it could not come in, and else never. */
  enter(joiner: Joiner): Promise<CallCause>
}

interface Newcomer {
  subscriber: SubscriberConfig
  trunk?: TrunkConfig
  /** Asked again when all that is needed is there, for it may be gone by then. */
  find(): Place | Reason
}

/** An INVITE with Replaces (RFC 3891): whoever sends it takes the place of a leg of its own side, site or trunk (PITFALLS S29). */
export async function replace(x: Exchange, side: SubscriberConfig | TrunkConfig, invite: IncomingInvite): Promise<void> {
  const trunk = 'gateways' in side ? side : undefined
  const replaces = parseReplaces(invite.request.header('replaces') ?? '')
  if (!replaces) return invite.refuse(400)
  const asker = trunk ? { realm: 'node' as const, trunk: trunk.id } : { realm: (side as SubscriberConfig).id }
  // Where a number is called, its owner's calls alone are meant.
  const owner = trunk && x.directory().owner(readArrival(invite.request, { trusted: true, trunk }).to.number)?.subscriber
  const found = replacedLeg(x, { ...asker, subscriber: trunk ? owner?.id : (side as SubscriberConfig).id }, replaces)
  if (!found && !trunk) {
    const { id } = side as SubscriberConfig
    const ringing = ringingCall(x, { realm: id, subscriber: id }, replaces)
    if (ringing) return pickUpRinging(x, side as SubscriberConfig, ringing, invite)
  }
  if (!found) return void refuse(invite, 'no-dialog')
  // RFC 3891 §3: it is answered, and would have been taken before that alone.
  if (replaces.earlyOnly || (!trunk && !isItself(x, side as SubscriberConfig, invite, found.leg))) return invite.refuse(486)
  const { call, leg } = found
  const find = (): Place | Reason => {
    if (leg.cause) return 'no-dialog'
    if (!isFree(call)) return 'declined'
    const other = call.legs.find((candidate) => candidate !== leg && candidate.isConnected)
    const enter = (joiner: Joiner) => {
      const { promise, resolve } = Promise.withResolvers<CallCause>()
      const report = async ({ sip, cause }: { sip: number; cause?: CallCause }) => {
        if (sip >= 300) resolve(cause ?? causeOf('switch', 'no-dialog'))
        else if (sip >= 200) leg.end(causeOf('switch', 'replaced'))
      }
      if (leg === call.a && other) call.promote(other)
      call.onOver(() => resolve(call.cause ?? causeOf('switch', 'no-dialog')))
      wish(call, { kind: 'transfer', by: leg, to: { joiner }, report })
      return promise
    }
    return { call, partner: other ?? null, enter }
  }
  await comeIn(x, { subscriber: call.subscriber, ...(trunk ? { trunk } : {}), find }, invite)
}

function isItself(x: Exchange, side: SubscriberConfig, invite: IncomingInvite, leg: Leg): boolean {
  const { from: party } = readArrival(invite.request, { trusted: false })
  return mayReplace(leg, { party, ...(isTelephone(x, side, party) ? { telephone: true } : {}) })
}

/** A telephone of the site takes a call that rings at another one. */
async function pickUpRinging(x: Exchange, subscriber: SubscriberConfig, call: Call, invite: IncomingInvite): Promise<void> {
  const find = (): Place | Reason => {
    const { pickup } = call
    if (!pickup) return 'no-dialog'
    return { call, partner: call.legs[0] ?? null, enter: (joiner) => pickup.take(joiner) }
  }
  await comeIn(x, { subscriber, find }, invite)
}

/** A telephone of the site has dialled the slot where a call is parked. */
export async function pickUpFromSite(
  x: Exchange,
  subscriber: SubscriberConfig,
  slot: string,
  invite: IncomingInvite,
): Promise<void> {
  const find = (): Place | Reason => {
    const parked = slotNamed(x, subscriber.id, slot)
    if (!parked) return 'unallocated'
    return { call: parked.call, partner: parked.call.a, enter: (joiner) => parked.take(joiner) }
  }
  await comeIn(x, { subscriber, find }, invite)
}

/** A call of its own until it is somewhere: admitted, answered, and then a leg of the call that it comes into. */
async function comeIn(x: Exchange, { subscriber, trunk, find }: Newcomer, invite: IncomingInvite): Promise<void> {
  const first = find()
  if (typeof first === 'string') return void refuse(invite, first)
  const { from, to, anonymous, maxForwards } = readArrival(invite.request, {
    trusted: trunk !== undefined,
    ...(trunk ? { trunk } : {}),
  })
  const telephone = trunk === undefined && isTelephone(x, subscriber, from)
  const side = trunk ?? sideOfSite(subscriber.site, telephone)
  if (!acceptsOffer(invite.request.description, policyOf(side))) return void refuse(invite, 'not-acceptable')
  const call = new Call(x, subscriber, {
    ...{ id: newId('call', x.clock.wall()), direction: trunk ? 'in' : 'out', startedAt: instantOf(x.clock, x.boot) },
    ...{ from, to, anonymous, maxForwards, emergency: false },
  })
  const at = trunk
    ? { via: 'trunk' as const, realm: 'node' as const, trunk: trunk.id }
    : { via: 'channel' as const, realm: subscriber.id, ...(telephone ? { telephone } : {}) }
  call.addLeg({ id: newId('leg'), direction: 'in', party: from, ...at }).arrive(invite)
  await run(call, async () => {
    const leg = call.a.id
    const road: Demand = trunk
      ? { kind: 'trunk.in', count: 1, leg, trunk: trunk.id, detail: { number: from.number } }
      : { kind: 'channel.leg', count: 1, leg }
    admitCall(call, [road, { kind: 'voice.port', count: 1, leg }])
    call.event('call.offered', { leg: call.a, data: { from, to, direction: call.facts.direction } })
    await openMedia(call, call.a)
    call.throwIfOver()
    const place = find()
    if (typeof place === 'string') return call.end(causeOf('switch', place))
    answerCaller(call, answerBody(call, call.a, place.partner, place.call))
    call.phase = 'verb'
    call.answered(call.a)
    call.save()
    call.end(await call.whileUp(place.enter({ call, leg: call.a })))
  })
}
