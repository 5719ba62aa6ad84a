import type { Clock } from '#lib/index.ts'
import { type Ask, DnsClient, LentExchange, type LentSockets } from '#protocol/dns/index.ts'

/** Ms that a server of the site has, by the round: it is near, and a call waits. */
const PATIENCE_MS = [500, 500]

/**
 * The site's own DNS, asked by sockets in its namespace: the system's resolver would ask outside (PITFALLS T08). No other
 * server is ever asked instead.
 */
export class SiteDns {
  readonly #clock: Clock
  readonly #lent: LentExchange
  #client: DnsClient
  #servers: readonly string[] = []
  #search = ''

  constructor(sockets: LentSockets) {
    this.#clock = sockets.clock
    this.#lent = new LentExchange(sockets)
    this.#client = this.#made()
  }

  /** Sets the site's servers anew; what was learnt from others is forgotten. */
  configure(dns: { servers: readonly string[]; search?: string } | null): void {
    const servers = dns?.servers ?? []
    this.#search = dns?.search ?? ''
    if (servers.join() === this.#servers.join()) return
    this.#servers = servers
    this.#client = this.#made()
  }

  /** A name without a dot is one of the site's search domain. */
  readonly ask: Ask = (name, type) => {
    const whole = !name.includes('.') && this.#search ? `${name}.${this.#search}` : name
    return this.#client.ask(whole.toLowerCase(), type)
  }

  receive(bytes: Uint8Array, from: { address: string; port: number }): void {
    this.#lent.receive(bytes, from)
  }

  /** Questions that wait: zero when nothing is left. */
  get waiting(): number {
    return this.#lent.waiting
  }

  #made(): DnsClient {
    const { exchange } = this.#lent
    return new DnsClient({ clock: this.#clock, exchange, servers: () => this.#servers, patienceMs: PATIENCE_MS })
  }
}
