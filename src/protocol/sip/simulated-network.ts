import { silentLog, TurnedClock } from '#lib/index.ts'
import type { Hop, SipTransport, UserAgent, UserAgentOptions } from './types.ts'
import { createUserAgent } from './user-agent.ts'

/** mulberry32: the same trial for the same seed. */
export function seededRandom(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), a | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export interface Datagram {
  text: string
  from: Hop
  to: Hop
}

export function hop(address: string, port = 5060): Hop {
  return { transport: 'udp', address, port }
}

/**
 * For tests: datagrams in memory under a turned clock, which may be late, lost or doubled. Each one that was sent is in
 * `sent`, lost or not.
 */
export class SimulatedNetwork {
  readonly clock = new TurnedClock()
  readonly sent: Datagram[] = []
  /** Ms that a datagram takes; may throw dice. */
  delay: () => number = () => 1
  /** How many copies arrive: 0 loses it. */
  copies: (datagram: Datagram) => number = () => 1
  readonly #receivers = new Map<string, (bytes: Uint8Array, from: Hop) => void>()

  transport(address: string, port = 5060): SipTransport {
    const from = hop(address, port)
    return { local: { address, port }, send: ({ bytes }, to) => this.deliver(bytes, from, to) }
  }

  deliver(bytes: Uint8Array, from: Hop, to: Hop): void {
    const datagram = { text: Buffer.from(bytes).toString(), from, to }
    this.sent.push(datagram)
    for (let n = this.copies(datagram); n > 0; n--) {
      this.clock.after(this.delay(), () => this.#receivers.get(`${to.address}:${to.port}`)?.(bytes, from))
    }
  }

  /** Whatever comes for this address. */
  listen(address: string, receive: (bytes: Uint8Array, from: Hop) => void, port = 5060): void {
    this.#receivers.set(`${address}:${port}`, receive)
  }

  userAgent(address: string, options: Partial<UserAgentOptions> = {}): UserAgent {
    const userAgent = createUserAgent({
      clock: this.clock,
      log: silentLog,
      transport: this.transport(address),
      onInvite: (invite) => invite.refuse(480),
      onRequest: (request) => request.respond(200),
      ...options,
    })
    this.listen(address, (bytes, from) => userAgent.receive(bytes, from))
    return userAgent
  }

  /** How often this start line was sent by `address`. */
  count(start: RegExp, address?: string): number {
    return this.sent.filter((d) => start.test(d.text) && (!address || d.from.address === address)).length
  }
}
