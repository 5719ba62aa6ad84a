import type { GatewayConfig, TrunkConfig } from '#platform/words/index.ts'

/** What ended an attempt at a gateway, as far as the choice of the next one needs it. */
export type AttemptEnd = { kind: 'status'; status: number } | { kind: 'timeout' } | { kind: 'transport' }

/** Ms that a gateway gets for its first response of any kind while another one is left to be tried. */
export const GATEWAY_PATIENCE_MS = 1500

/** Ms that the last gateway gets. */
export const LAST_GATEWAY_PATIENCE_MS = 6000

/**
 * Whether the next gateway is worth a try (RFC 3263 §4.3): this one is silent, or says that it cannot serve now. Any
 * other answer is the callee's or the network's and is final.
 */
export function triesNext(end: AttemptEnd): boolean {
  return end.kind !== 'status' || end.status === 503
}

/** How long a gateway may be silent. */
export function patience(isLast: boolean): number {
  return isLast ? LAST_GATEWAY_PATIENCE_MS : GATEWAY_PATIENCE_MS
}

/**
 * A trunk's gateways in the order in which one call tries them: by priority, those of one priority drawn by weight
 * (RFC 2782), those that are down behind all that are up, since a dead one may be alive again. `random` gives 0 to 1.
 */
export function orderGateways(
  trunk: Pick<TrunkConfig, 'gateways'>,
  isDown: (gateway: GatewayConfig) => boolean,
  random: () => number,
): GatewayConfig[] {
  if (trunk.gateways.length < 2) return [...trunk.gateways]
  const drawn = trunk.gateways.map((gateway, place) => ({
    gateway,
    down: isDown(gateway) ? 1 : 0,
    priority: gateway.priority ?? place,
    // The least of exponential times with these rates: each comes first as often as its weight says.
    draw: -Math.log(1 - random()) / Math.max(gateway.weight ?? 1, 1e-9),
  }))
  drawn.sort((a, b) => a.down - b.down || a.priority - b.priority || a.draw - b.draw)
  return drawn.map(({ gateway }) => gateway)
}
