import type { TrunkConfig } from '#platform/words/index.ts'
import { formatUri, parseNameAddr, type SipResponse, type SipUri } from '#protocol/sip/index.ts'
import { type GatewayServer, nameOf } from './server.ts'

export interface RedirectPlace {
  /** What is asked for there. */
  uri: string
  server: GatewayServer
}

/** A number with what number portability says of it (RFC 4694): no more of a user part is passed on. */
const USER = /^[+0-9A-Za-z*#._~-]{1,64}(;[a-z-]{1,20}(=[+0-9A-Za-z.-]{1,40})?){0,6}$/

/**
 * Where a trunk's 3xx leads: its Contacts, the likeliest first (RFC 3261 §8.1.3.4, §20.10), as far as they are servers of
 * the same trunk, by address or by name. A carrier can send a call to another of its hosts, and to nobody else (toll fraud);
 * what is reached by TLS alone does not become clear. `servers`: those of the trunk, best first.
 */
export function redirectedTo(
  contacts: readonly string[],
  trunk: Pick<TrunkConfig, 'gateways'>,
  servers: readonly GatewayServer[],
): RedirectPlace[] {
  const read = contacts.flatMap((contact) => {
    try {
      const address = parseNameAddr(contact)
      const q = Number(address.params.get('q') ?? 1)
      return [{ target: address.uri, q: q >= 0 && q <= 1 ? q : 1 }]
    } catch {
      return []
    }
  })
  return read.sort((a, b) => b.q - a.q).flatMap(({ target }) => placesOf(target, trunk, servers))
}

function placesOf(target: SipUri, trunk: Pick<TrunkConfig, 'gateways'>, servers: readonly GatewayServer[]): RedirectPlace[] {
  const { scheme, user, port, params } = target
  if (scheme === 'tel' || user === undefined || !USER.test(user)) return []
  const host = target.host.toLowerCase()
  const said = scheme === 'sips' ? 'tls' : params.get('transport')?.toLowerCase()
  const named = said === 'udp' || said === 'tcp' || said === 'tls' ? said : undefined
  const known = servers.filter((server) => [server.address, server.host, nameOf(server.gateway)].includes(host))
  const secure = trunk.gateways.every(({ transport }) => transport === 'tls')
  const like = named === undefined ? known : known.filter(({ transport }) => transport === named)
  if (secure && named !== undefined && named !== 'tls') return []
  // A port of its own is a server of its own at that host.
  const chosen = port === undefined ? like : atPort(like.length > 0 ? like : known, port, named)
  const kept = named === undefined || scheme === 'sips' ? {} : { params: { transport: named } }
  const uri = formatUri({ scheme, user, host: target.host, ...(port === undefined ? {} : { port }), ...kept })
  return chosen.map((server) => ({ uri, server }))
}

function atPort(known: readonly GatewayServer[], port: number, named: GatewayServer['transport'] | undefined): GatewayServer[] {
  const moved = known.map((server) => ({ ...server, port, transport: named ?? server.transport }))
  return [...new Map(moved.map((server) => [`${server.transport} ${server.address}`, server])).values()]
}

/** Ms for which a response says that its sender can't serve (RFC 3261 §20.33); 0 where it doesn't say. */
export function retryAfterMs(response: SipResponse | undefined): number {
  const [, seconds] = /^\s*(\d{1,9})\b/.exec(response?.header('retry-after') ?? '') ?? []
  return seconds === undefined ? 0 : Number(seconds) * 1000
}
