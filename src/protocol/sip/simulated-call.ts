import assert from 'node:assert/strict'
import { hop, SimulatedNetwork } from './simulated-network.ts'
import type { IncomingInvite, InviteOptions, Session, UserAgent } from './types.ts'

export const SDP = { type: 'application/sdp', content: 'v=0\r\n' }
export const CALL: InviteOptions = {
  uri: 'sip:b@10.0.0.2',
  to: hop('10.0.0.2'),
  from: '<sip:a@10.0.0.1>',
  toHeader: '<sip:b@10.0.0.2>',
  body: SDP,
}

/** Two user agents; the second accepts after `afterMs`. */
export function pair(afterMs = 50) {
  const net = new SimulatedNetwork()
  const invites: IncomingInvite[] = []
  const accepted: Session[] = []
  const b = net.userAgent('10.0.0.2', {
    onInvite(invite) {
      invites.push(invite)
      invite.provisional(180)
      net.clock.after(afterMs, () => {
        const session = invite.accept({ body: SDP })
        if (session) accepted.push(session)
      })
    },
  })
  const a = net.userAgent('10.0.0.1')
  return { net, a, b, invites, accepted }
}

/** The same, a call between them up. */
export async function connected() {
  const world = pair()
  const sent = world.a.invite(CALL)
  await world.net.clock.turnAsync(100)
  return { ...world, ours: await sent.answered, theirs: world.accepted[0]! }
}

/** Fails when an agent or the clock still holds anything after 100 s. */
export async function leavesNothing(net: SimulatedNetwork, ...agents: UserAgent[]): Promise<void> {
  await net.clock.turnAsync(100_000, 5000)
  for (const agent of agents) assert.deepEqual(agent.counts, { transactions: 0, sessions: 0, subscriptions: 0 })
  assert.equal(net.clock.pending, 0)
}
