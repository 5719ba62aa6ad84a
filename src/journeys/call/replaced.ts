import type { Id } from '#lib/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import type { Replaces } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import type { Exchange } from './exchange.ts'

/** Who asks: nobody reaches a dialog that is not its own place's (PITFALLS S29). */
export interface Asker {
  realm: Leg['facts']['realm']
  trunk?: Id<'trk'> | undefined
  /** Whose calls alone may be meant. */
  subscriber?: Id<'sub'> | undefined
}

/**
 * The call that rings in the dialog which a Replaces names, at the asker's own side (RFC 3891 §3: one that we have begun). The tags may
 * be the other way round: some telephones write them as they have read them (RFC 4235), from the view of the one that rings.
 */
export function ringingCall(x: Exchange, { realm, subscriber }: Asker, replaces: Replaces): Call | null {
  const turned = { ...replaces, toTag: replaces.fromTag, fromTag: replaces.toTag }
  const meant = ({ outgoing }: Leg) => outgoing?.is(replaces) || outgoing?.is(turned)
  for (const call of x.calls.values()) {
    if (call.subscriber.id !== subscriber || !call.pickup) continue
    if (call.legs.some((leg) => leg.facts.realm === realm && meant(leg))) return call
  }
  return null
}

/** The leg whose dialog a Replaces names (RFC 3891 §3), among those with the asker's own side. */
export function replacedLeg(x: Exchange, asker: Asker, replaces: Replaces): { call: Call; leg: Leg } | null {
  for (const call of x.calls.values()) {
    if (asker.subscriber && call.subscriber.id !== asker.subscriber) continue
    for (const leg of call.legs) {
      const { realm, trunk } = leg.facts
      if (realm === asker.realm && trunk === asker.trunk && leg.session?.is(replaces)) return { call, leg }
    }
  }
  return null
}

/**
 * Whether who names the dialog of an answered leg can be the one whose it is. Telephones that were told the name while it rang could not
 * pick it up any more, and take nothing from who has answered (PITFALLS S29).
 */
export function mayReplace({ named, facts }: Leg, { telephone, party }: Pick<Leg['facts'], 'telephone' | 'party'>): boolean {
  return !named || (telephone ? party.number === facts.party.number : !facts.telephone)
}
