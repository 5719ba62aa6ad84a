import type { TrunkConfig } from '#platform/words/index.ts'
import { formatUri, type Hop } from '#protocol/sip/index.ts'
import { type GatewayServer, nameOf } from './server.ts'

/** Where a server is for SIP, with the trunk's credentials for a connection to it. */
export function serverHop(trunk: TrunkConfig, { gateway, transport, address, port }: GatewayServer): Hop {
  const name = nameOf(gateway)
  return {
    ...{ transport, address, port, profile: trunk.id },
    ...(name === undefined ? {} : { name }),
    ...(gateway.transport === 'udp+tcp' ? { large: 'tcp' as const } : {}),
  }
}

/**
 * The URI of a gateway, or of a user there. A gateway with a name is called by it, whichever server the request goes to
 * (RFC 3263 §4): by the port and the transport that its trunk says, and else by none.
 */
export function serverUri({ gateway, transport, address, port }: GatewayServer, user?: string): string {
  const name = nameOf(gateway)
  const said = name === undefined ? transport : (gateway.transport ?? 'udp').replace('udp+tcp', 'udp')
  const at = name === undefined ? { host: address, port } : { host: name, ...(gateway.port ? { port: gateway.port } : {}) }
  const params = user === undefined || said === 'udp' ? {} : { params: { transport: said } }
  return formatUri({ ...at, ...params, ...(user === undefined ? {} : { user }) })
}
