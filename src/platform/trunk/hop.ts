import type { GatewayConfig, TrunkConfig } from '#platform/words/index.ts'
import type { Hop, Transport } from '#protocol/sip/index.ts'

/** Where a gateway is for SIP, with the trunk's credentials for a connection to it. */
export function gatewayHop(trunk: TrunkConfig, { address, port, transport = 'udp' }: GatewayConfig): Hop {
  if (transport === 'udp+tcp') return { transport: 'udp', address, port, profile: trunk.id, large: 'tcp' }
  return { transport, address, port, profile: trunk.id }
}

/** Whether a trunk may speak to us so: one that is reached by TLS alone is not heard in the clear. */
export function speaks(trunk: TrunkConfig, { address, transport }: { address: string; transport: Transport }): boolean {
  return transport === 'tls' || trunk.gateways.some((g) => g.address === address && g.transport !== 'tls')
}
