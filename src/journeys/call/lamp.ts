import type { Id } from '#lib/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import type { ShownDialog } from '#platform/telephone/index.ts'
import type { Call } from './call.ts'
import type { Exchange } from './exchange.ts'

/** Whose lamps a leg lights: whoever of the site is at its far end, and until that answers, the users for whose sake it rings. */
function namesOf(leg: Leg): string[] {
  const { number } = leg.facts.party
  return leg.users.includes(number) ? [...leg.users] : [number, ...leg.users]
}

/** Tells whoever watches the users of the site what has become of a leg (RFC 4235). */
export function showLeg(call: Call, leg: Leg): void {
  const { lamps } = call.x
  const { id } = call.subscriber
  if (leg.facts.realm !== id) return
  for (const name of namesOf(leg)) if (lamps.watched(id, name)) lamps.show(id, name, leg.id, dialogOf(call, leg, name))
}

/** What there is to be seen of a user of the site. */
export function* dialogsOf(x: Exchange, subscriber: Id<'sub'>, user: string): Generator<ShownDialog> {
  for (const call of x.calls.values()) {
    if (call.subscriber.id !== subscriber) continue
    for (const leg of call.legs) {
      const dialog = leg.facts.realm === subscriber && namesOf(leg).includes(user) ? dialogOf(call, leg, user) : null
      if (dialog) yield dialog
    }
  }
}

/**
 * A leg as the one at its far end sees it; null where there is nothing to be seen. Of a call that rings it is told who calls and by
 * what it can be picked up, of all others that there is one: a dialog that is answered could be taken over by whoever knows its name
 ({@link mayReplace}).
 */
function dialogOf(call: Call, leg: Leg, name: string): ShownDialog | null {
  if (leg.cause || (leg.isConnected && leg.facts.party.number !== name)) return null
  const direction = leg.facts.direction === 'in' ? ('initiator' as const) : ('recipient' as const)
  if (leg.isConnected) return { id: leg.id, direction, state: 'confirmed' }
  if (direction === 'initiator') return { id: leg.id, direction, state: 'trying' }
  const early = leg.outgoing?.early
  // What does not ring yet would be told first, and the ringing itself a second later (RFC 4235 §3.10).
  if (!early || leg.state !== 'alerting') return null
  if (!call.pickup) return { id: leg.id, direction, state: 'early' }
  leg.named = true
  const { callId, localTag, remoteTag } = early
  const { number, name: shown } = call.facts.from
  const caller = { number, ...(shown && !call.facts.anonymous ? { name: shown } : {}) }
  return { id: leg.id, direction, state: 'early', caller, dialog: { callId, localTag: remoteTag, remoteTag: localTag } }
}
