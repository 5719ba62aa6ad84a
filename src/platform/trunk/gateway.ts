import type { GatewayConfig, TrunkConfig } from '#platform/words/index.ts'
import { drawn, type SipTarget, serversOf } from '#protocol/dns/index.ts'
import { type GatewayServer, serverKey } from './server.ts'

/** What ended an attempt at a gateway, as far as the choice of the next one needs it. */
export type AttemptEnd = { kind: 'status'; status: number } | { kind: 'timeout' } | { kind: 'transport' }

/** Ms that a server gets for its first response of any kind while another one is left to be tried. */
export const GATEWAY_PATIENCE_MS = 1500

/** Ms that the last one gets. */
export const LAST_GATEWAY_PATIENCE_MS = 6000

/**
 * Whether the next server is worth a try (RFC 3263 §4.3): this one is silent, or says that it cannot serve now. Any
 * other answer is the callee's or the network's and is final.
 */
export function triesNext(end: AttemptEnd): boolean {
  return end.kind !== 'status' || end.status === 503
}

/** How long a server may be silent. */
export function patience(isLast: boolean): number {
  return isLast ? LAST_GATEWAY_PATIENCE_MS : GATEWAY_PATIENCE_MS
}

/**
 * The servers of a trunk in the order in which one call tries them: its gateways by priority, those of one priority drawn by
 * weight; in a gateway with a name its servers as DNS orders them. Those that are down come behind all that are up, since a dead one may be alive again. `random` gives 0 to 1.
 */
export function orderServers(
  { gateways }: Pick<TrunkConfig, 'gateways'>,
  targetsOf: (gateway: GatewayConfig) => readonly SipTarget[],
  isDown: (server: GatewayServer) => boolean,
  random: () => number,
): GatewayServer[] {
  const placed = gateways.map((gateway, place) => ({ gateway, priority: gateway.priority ?? place, weight: gateway.weight ?? 1 }))
  const servers = drawn(placed, random).flatMap(({ gateway }) =>
    serversOf(targetsOf(gateway), random).map((server): GatewayServer => ({ gateway, ...server })),
  )
  if (servers.length < 2) return servers
  const once = [...new Map(servers.map((server) => [serverKey(server), server])).values()]
  const down = once.filter(isDown)
  return down.length === 0 ? once : [...once.filter((server) => !down.includes(server)), ...down]
}
