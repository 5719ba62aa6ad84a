import { isIP } from 'node:net'
import type { GatewayConfig } from '#platform/words/index.ts'
import type { SipServer } from '#protocol/dns/index.ts'

/** One server of a gateway (RFC 3263): where a message goes. A gateway that is an address has one, a name any number. */
export interface GatewayServer extends SipServer {
  gateway: GatewayConfig
}

/** The gateway's name; undefined where it is an address. */
export function nameOf({ address }: GatewayConfig): string | undefined {
  return isIP(address) === 0 ? address : undefined
}

/** What is known of a server, such as that it is down, is known by this. */
export function serverKey({ transport, address, port }: Pick<GatewayServer, 'transport' | 'address' | 'port'>): string {
  return `${transport} ${address} ${port}`
}
