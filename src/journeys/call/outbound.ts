import { newId } from '#lib/index.ts'
import { acceptsOffer } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import { type Demand, instantOf, type SubscriberConfig } from '#platform/words/index.ts'
import { HEADER, type IncomingInvite } from '#protocol/sip/index.ts'
import { admitCall, refuse } from './admit.ts'
import { loops, readArrival } from './arrival.ts'
import { attend } from './attend.ts'
import { Call } from './call.ts'
import { policyOf, sideOfSite } from './codecs.ts'
import { decideWithoutAgent, isCode } from './default.ts'
import { dial } from './dial.ts'
import type { Exchange } from './exchange.ts'
import { pickUpFromSite, replace } from './newcomer.ts'
import { run } from './run.ts'
import { slotNamed } from './slot.ts'
import { isTelephone, isUser } from './user.ts'

/**
 * A call from the site's PBX or telephones, over the channel, to a number outside or to a telephone of the site; a code, such as
 * `*8101`, is what the agent makes of it. An emergency number is placed whatever else is the
 * matter: without agent, ceiling or cap, on the trunks' reserved share, with the site's registered caller id.
 */
export async function outbound(x: Exchange, subscriber: SubscriberConfig, invite: IncomingInvite): Promise<void> {
  const { user = '' } = invite.request.target
  // An emergency call is nothing else, whatever it says: nobody was asked who places it.
  if (!x.directory().isEmergency(user)) {
    if (invite.request.has(HEADER.replaces)) return replace(x, subscriber, invite)
    if (slotNamed(x, subscriber.id, user)) return pickUpFromSite(x, subscriber, user, invite)
  }
  const call = recognise(x, subscriber, invite)
  if (!call) return
  await run(call, async () => {
    admit(call)
    const { number } = call.facts.to
    const ofSite = !call.facts.emergency && isUser(x, subscriber, number)
    if (!call.facts.emergency && !ofSite && isCode(number)) return decideWithoutAgent(call, await attend(call, 'offered'))
    const target = ofSite ? { user: number } : { number }
    call.event('call.routed', { data: { by: call.facts.emergency ? 'emergency' : 'default', why: 'site', target } })
    const result = call.facts.emergency
      ? await dialEmergency(call, { number })
      : await dial(call, { target, timeoutMs: ringMs(call) })
    call.end(result.cause)
  })
}

function recognise(x: Exchange, subscriber: SubscriberConfig, invite: IncomingInvite): Call | null {
  const arrival = readArrival(invite.request, { trusted: false })
  const emergency = x.directory().isEmergency(arrival.to.number)
  if (!emergency) {
    if (arrival.maxForwards < 1) return refuse(invite, 'too-many-hops')
    if (loops(arrival, inSetup(x, subscriber))) return refuse(invite, 'loop')
    const { number } = arrival.to
    if (!number.startsWith('+') && !isUser(x, subscriber, number) && !(isCode(number) && x.agents.connected(subscriber.id)))
      return refuse(invite, 'incomplete-number')
  }
  const telephone = isTelephone(x, subscriber, arrival.from)
  // An emergency is taken in whatever form it comes.
  if (!emergency && !acceptsOffer(invite.request.description, policyOf(sideOfSite(subscriber.site, telephone))))
    return refuse(invite, 'not-acceptable')
  const call = new Call(x, subscriber, {
    id: newId('call', x.clock.wall()),
    direction: 'out',
    from: arrival.from,
    to: arrival.to,
    anonymous: arrival.anonymous && !emergency,
    startedAt: instantOf(x.clock, x.boot),
    maxForwards: emergency ? Math.max(arrival.maxForwards, 10) : arrival.maxForwards,
    emergency,
  })
  const at = { via: 'channel' as const, realm: subscriber.id, ...(telephone ? { telephone } : {}) }
  call.addLeg({ id: newId('leg'), direction: 'in', party: arrival.from, ...at }).arrive(invite)
  return call
}

function* inSetup(x: Exchange, subscriber: SubscriberConfig) {
  for (const call of x.calls.values()) if (call.subscriber.id === subscriber.id && call.phase === 'setup') yield call.facts
}

function admit(call: Call): void {
  const leg = call.a.id
  const detail = call.facts.emergency ? { emergency: true } : {}
  const demands: Demand[] = [
    { kind: 'channel.leg', count: 1, leg, detail },
    { kind: 'voice.port', count: 1, leg, detail },
  ]
  admitCall(call, demands)
  call.event('call.offered', { leg: call.a, data: { from: call.facts.from, to: call.facts.to, direction: 'out' } })
}

/** Trunk after trunk: an emergency call ends only when none of them serves. */
async function dialEmergency(call: Call, target: { number: string }) {
  let result = null
  for (const trunk of call.x.directory().trunks) {
    result = await dial(call, { target: { ...target, trunk: trunk.id }, timeoutMs: ringMs(call) })
    if (result.status === 'answered' || result.status === 'busy') return result
  }
  return result ?? { cause: causeOf('switch', 'no-trunk') }
}

function ringMs(call: Call): number {
  return call.x.limits.ringMs
}
