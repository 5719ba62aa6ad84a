import { isIP } from 'node:net'
import type { GatewayConfig } from '#platform/words/index.ts'
import type { Transport } from '#protocol/sip/index.ts'

/** One server of a gateway (RFC 3263): where a message goes. A gateway that is an address has one, a name any number. */
export interface GatewayServer {
  gateway: GatewayConfig
  /** The target of the SRV record, or what the gateway is called. */
  host: string
  address: string
  port: number
  transport: Transport
}

/** The gateway's name; undefined where it is an address. */
export function nameOf({ address }: GatewayConfig): string | undefined {
  return isIP(address) === 0 ? address : undefined
}

/** What is known of a server, such as that it is down, is known by this. */
export function serverKey({ transport, address, port }: Pick<GatewayServer, 'transport' | 'address' | 'port'>): string {
  return `${transport} ${address} ${port}`
}
