import { newId } from '#lib/index.ts'
import { acceptsOffer } from '#platform/switch/index.ts'
import { type Demand, instantOf, type TrunkConfig } from '#platform/words/index.ts'
import { HEADER, type IncomingInvite } from '#protocol/sip/index.ts'
import { admitCall, refuse } from './admit.ts'
import { readArrival } from './arrival.ts'
import { attend, isAttended } from './attend.ts'
import { Call, type CallFacts } from './call.ts'
import { policyOf } from './codecs.ts'
import { decideWithoutAgent } from './default.ts'
import type { Exchange } from './exchange.ts'
import { replace } from './newcomer.ts'
import { run } from './run.ts'

/**
 * The road of a call that comes in on a trunk (DESIGN §4), step by step: what it needs is admitted, its agent decides,
 * the stored default route is taken where no agent does, and the end is always the same.
 */
export function inbound(x: Exchange, trunk: TrunkConfig, invite: IncomingInvite): Promise<void> | undefined {
  if (invite.request.has(HEADER.replaces)) return replace(x, trunk, invite)
  const call = recognise(x, trunk, invite)
  if (!call) return undefined
  return run(call, async () => {
    admit(call, trunk)
    const departure = isAttended(call) ? await attend(call, 'offered') : 'agent-down'
    await decideWithoutAgent(call, departure)
  })
}

/** Step 1: whose number it is. A trunk is told what it did wrong; there is no call, and no event, before that. */
function recognise(x: Exchange, trunk: TrunkConfig, invite: IncomingInvite): Call | null {
  const { from, to, anonymous, maxForwards, diversions } = readArrival(invite.request, { trusted: true, trunk })
  const owner = x.directory().owner(to.number)
  if (!owner) return refuse(invite, 'unallocated')
  if (maxForwards < 1) return refuse(invite, 'too-many-hops')
  if (trunk.media === 'relay' && !acceptsOffer(invite.request.description, policyOf(trunk)))
    return refuse(invite, 'not-acceptable')
  to.number = owner.number
  const startedAt = instantOf(x.clock, x.boot)
  const id = newId('call', startedAt.wall)
  const facts: CallFacts = { id, direction: 'in', from, to, anonymous, startedAt, maxForwards, emergency: false }
  if (diversions.length > 0) facts.diversions = diversions
  const call = new Call(x, owner.subscriber, facts)
  call.addLeg({ id: newId('leg'), direction: 'in', via: 'trunk', realm: 'node', party: from, trunk: trunk.id }).arrive(invite)
  return call
}

/** Step 2: the caller's own leases, before anything else is done. @throws ResourceUnavailable */
function admit(call: Call, trunk: TrunkConfig): void {
  const leg = call.a.id
  const demands: Demand[] = [{ kind: 'trunk.in', count: 1, leg, trunk: trunk.id, detail: { number: call.facts.from.number } }]
  // Audio that passes by us needs no port; which call that is, only its route tells.
  if (trunk.media === 'relay') demands.push({ kind: 'voice.port', count: 1, leg })
  admitCall(call, demands)
  call.event('call.offered', {
    leg: call.a,
    data: { from: call.facts.from, to: call.facts.to, direction: 'in', trunk: trunk.name },
  })
}
