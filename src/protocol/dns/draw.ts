import type { SipTarget, SipTransport } from './locate.ts'

/** One place where a message may go. */
export interface SipServer {
  /** The target of the SRV record, or the name itself. */
  host: string
  address: string
  port: number
  transport: SipTransport
}

/** The servers of a name in the order in which one request tries them: its targets (RFC 2782), and the addresses of each, those of IPv6 first and else in any order. */
export function serversOf(targets: readonly SipTarget[], random: () => number): SipServer[] {
  return drawn(targets, random).flatMap(({ host, addresses, port, transport }) => {
    const equals = addresses.map((address) => ({ address, priority: address.includes(':') ? 0 : 1, weight: 1 }))
    return drawn(equals, random).map(({ address }) => ({ host, address, port, transport }))
  })
}

/** By priority, the lowest first; among equals each comes first as often as its weight says. `random` gives 0 to 1. */
export function drawn<T extends { priority: number; weight: number }>(all: readonly T[], random: () => number): readonly T[] {
  if (all.length < 2) return all
  // The least of exponential times with these rates. One of weight 0 has hardly a chance beside others (RFC 2782).
  const draws = all.map((one) => ({ one, draw: -Math.log(1 - random()) / Math.max(one.weight, 1e-9) }))
  return draws.sort((a, b) => a.one.priority - b.one.priority || a.draw - b.draw).map(({ one }) => one)
}
