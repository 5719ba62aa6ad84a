import type { TrunkConfig } from '#platform/words/index.ts'

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

/** How long the gateway at `index` may be silent. */
export function patience(trunk: TrunkConfig, index: number): number {
  return index + 1 < trunk.gateways.length ? GATEWAY_PATIENCE_MS : LAST_GATEWAY_PATIENCE_MS
}
