import type { Clock, Log } from '#lib/index.ts'
import type { GatewayConfig, TrunkConfig } from '#platform/words/index.ts'
import type { UserAgent } from '#protocol/sip/index.ts'

/** What keeps trunks alive is made of. */
export interface CarrierDeps {
  clock: Clock
  log: Log
  /** 0 to 1. */
  random: () => number
  /** The user agent of the node's own namespace, and the address that it is reached at. */
  node(): { agent: UserAgent; local: { address: string; port: number } } | undefined
}

/** The gateways of a trunk, best first, and what they were seen to do. */
export interface LiveGateways {
  order(trunk: TrunkConfig): GatewayConfig[]
  answered(gateway: GatewayConfig): void
  silent(gateway: GatewayConfig): void
}
