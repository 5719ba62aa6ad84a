import type { TrunkConfig } from '#platform/words/index.ts'
import { formatUri, type Hop, type UriParts } from '#protocol/sip/index.ts'
import { type GatewayServer, nameOf } from './server.ts'

/** Where a server is for SIP, with the trunk's credentials for a connection to it. */
export function serverHop(trunk: TrunkConfig, { gateway, transport, address, port }: GatewayServer): Hop {
  const hop: Hop = { transport, address, port, profile: trunk.id }
  // Where it is at the gateway's own address, that is no name.
  const name = address === gateway.address ? undefined : nameOf(gateway)
  if (name !== undefined) hop.name = name
  if (gateway.transport === 'udp+tcp') hop.large = 'tcp'
  return hop
}

/**
 * The URI of a gateway, or of a user there. A gateway with a name is called by it, whichever server the request goes to
 * (RFC 3263 §4): by the port and the transport that its trunk says, and else by none.
 */
export function serverUri({ gateway, transport, address, port }: GatewayServer, user?: string): string {
  const name = address === gateway.address ? undefined : nameOf(gateway)
  const said = name === undefined ? transport : (gateway.transport ?? 'udp').replace('udp+tcp', 'udp')
  const uri: UriParts = name === undefined ? { host: address, port } : { host: name }
  if (name !== undefined && gateway.port) uri.port = gateway.port
  if (user === undefined) return formatUri(uri)
  uri.user = user
  if (said !== 'udp') uri.params = { transport: said }
  return formatUri(uri)
}
