import type { Clock } from '#lib/index.ts'
import { type Ask, DnsClient, DnsFailure, LentExchange, type LentSockets } from '#protocol/dns/index.ts'

/** Ms that a server of the site has, by the round: it is near, and a call waits. */
const PATIENCE_MS = [500, 500]

/** One server of a site, asked by itself. */
export interface AskedServer {
  server: string
  /** `refuses`: it is there, and does not tell. */
  state: 'answers' | 'refuses' | 'silent'
}

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
    this.#client = this.#clientOf(() => this.#servers)
  }

  /** Sets the site's servers anew; what was learnt from others is forgotten. */
  configure(dns: { servers: readonly string[]; search?: string } | null): void {
    const servers = dns?.servers ?? []
    this.#search = dns?.search ?? ''
    if (servers.join() === this.#servers.join()) return
    this.#servers = servers
    this.#client = this.#clientOf(() => this.#servers)
  }

  /** A name without a dot is one of the site's search domain. */
  readonly ask: Ask = (name, type) => {
    const whole = !name.includes('.') && this.#search ? `${name}.${this.#search}` : name
    return this.#client.ask(whole.toLowerCase(), type)
  }

  /** Asks each server by itself, anew, for the search domain, or for what every resolver knows. */
  askEach(timeoutMs: number): Promise<AskedServer[]> {
    const name = this.#search || 'localhost'
    return Promise.all(
      this.#servers.map(async (server): Promise<AskedServer> => {
        try {
          await this.#clientOf(() => [server], [timeoutMs]).ask(name, 'A')
          return { server, state: 'answers' }
        } catch (error) {
          if (!(error instanceof DnsFailure)) throw error
          const refuses = error.trouble === 'refused'
          return { server, state: refuses ? (this.#search ? 'refuses' : 'answers') : 'silent' }
        }
      }),
    )
  }

  receive(bytes: Uint8Array, from: { address: string; port: number }): void {
    this.#lent.receive(bytes, from)
  }

  /** Questions that wait: zero when nothing is left. */
  get waiting(): number {
    return this.#lent.waiting
  }

  #clientOf(servers: () => readonly string[], patienceMs = PATIENCE_MS): DnsClient {
    return new DnsClient({ clock: this.#clock, exchange: this.#lent.exchange, servers, patienceMs })
  }
}
