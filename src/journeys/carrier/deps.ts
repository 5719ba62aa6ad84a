import type { Clock, Log } from '#lib/index.ts'
import type { GatewayServer, Locations } from '#platform/trunk/index.ts'
import type { TrunkConfig } from '#platform/words/index.ts'
import type { Located, SipName, SipTarget } from '#protocol/dns/index.ts'
import type { Hop, UserAgent } from '#protocol/sip/index.ts'

/** Where gateways with names were last, by `gatewayKey`: what a switch starts with while DNS is away. */
export type KeptTargets = Record<string, readonly SipTarget[]>

/** What keeps trunks alive is made of. */
export interface CarrierDeps {
  clock: Clock
  log: Log
  /** 0 to 1. */
  random: () => number
  /** The user agent of the node's own namespace, and the address that it is reached at. */
  node(): { agent: UserAgent; local: { address: string; port: number }; trouble?(hop: Hop): string | undefined } | undefined
  /** Finds the servers of a name. Rejects with DnsFailure where DNS does not tell. */
  locate(name: SipName): Promise<Located>
  /** Told where everything is; whoever receives something asks it. */
  locations: Locations
  kept: { read(): KeptTargets | null; write(targets: KeptTargets): void }
}

/** The servers of a trunk, best first, and what they were seen to do. */
export interface LiveGateways {
  order(trunk: TrunkConfig): readonly GatewayServer[]
  answered(server: GatewayServer): void
  silent(server: GatewayServer): void
}
