import { dialledForm, digitsOf, e164, redirectedTo, rewrite, serverHop } from '#platform/trunk/index.ts'
import { parseUri, SipFailure } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import type { NextHop } from './hops.ts'
import type { Road } from './road.ts'

/** Redirections that one call follows, and places that one of them may name. */
const MOST_TURNS = 3
const MOST_PLACES = 8

/**
 * Follows the 3xx of a trunk that asks for it, to that trunk's own hosts and nowhere else; no place twice (RFC 3261 §8.1.3.4). Whether
 * a number may be called there is seen where it is leased (PITFALLS F14).
 */
export class Redirects {
  readonly #call: Call
  readonly #road: Road
  readonly #seen: string[] = []
  #turns = 0

  constructor(call: Call, road: Road) {
    this.#call = call
    this.#road = road
  }

  /** Where the call goes now; null where this is no redirection, or one that is not followed. */
  follow(end: Error): NextHop[] | null {
    const road = this.#road
    if (!(end instanceof SipFailure) || end.status < 300 || end.status > 399 || !end.response) return null
    if (road.via !== 'trunk' || road.trunk.redirects !== 'follow' || this.#turns >= MOST_TURNS) return null
    this.#turns += 1
    const places = redirectedTo(end.response.list('contact'), road.trunk, this.#call.x.gateways.order(road.trunk))
    const fresh = places.flatMap(({ uri, server }): NextHop[] => {
      const place = `${uri} ${server.address} ${server.port}`
      if (this.#seen.includes(place)) return []
      this.#seen.push(place)
      return [{ uri, server, hop: serverHop(road.trunk, server), number: numberOf(uri, road) }]
    })
    return fresh.length === 0 ? null : fresh.slice(0, MOST_PLACES)
  }
}

/** The number that is called there: the one that was dialled, in whatever form it is written, or another one in E.164. */
function numberOf(uri: string, { trunk, number }: Road & { via: 'trunk' }): string {
  const user = parseUri(uri).user?.replace(/;.*$/, '') ?? ''
  const told = rewrite(number, trunk.numbers?.out)
  if ([number, told].some((known) => digitsOf(known) === digitsOf(user))) return number
  const named = rewrite(user, trunk.numbers?.in)
  return e164(named) ?? e164(`+${digitsOf(named)}`) ?? dialledForm(named)
}
