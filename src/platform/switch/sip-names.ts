import { isIPv4, isIPv6 } from 'node:net'
import { type Clock, TielineError } from '#lib/index.ts'
import { type AddressFamily, type Ask, DnsFailure, locate, type SipName, type SipServer, serversOf } from '#protocol/dns/index.ts'

/** Ms for which a server that was silent is tried behind all others (PITFALLS S34). */
const DOWN_MS = 30_000

/** Servers that are down at once; more are somebody's mistake. */
const MOST_DOWN = 256

/** DNS could not tell where a SIP server is, or says that there is none. */
export class NameNotResolved extends TielineError {
  constructor(name: string, why: 'no-server' | 'timeout' | 'no-such-name' | 'server-failure') {
    super(
      `a name cannot be resolved: ${why}`,
      { code: 'name-not-resolved', fault: 'subscriber', retry: why === 'timeout', http: 502, sip: 480, q850: 38 },
      { name, why },
    )
    this.name = 'NameNotResolved'
  }
}

export interface SipNamesOptions {
  clock: Clock
  /** The DNS of the place whose names these are, and no other. */
  ask: Ask
  /** 0 to 1. */
  random: () => number
  /** Whether anything is ever sent to this address. Default: whatever it is. */
  usable?(address: string): boolean
}

/**
 * IPv6 first: what is reached here are networks that somebody has named, so that an address of theirs is as good as any, also a
 * local one (fc00::/7), which RFC 6724 §2.1 would put behind IPv4 for want of knowing that.
 */
function familiesOf(from: readonly string[]): AddressFamily[] {
  const six = from.some((address) => isIPv6(address))
  const four = from.some((address) => isIPv4(address))
  return [...(six ? (['AAAA'] as const) : []), ...(four ? (['A'] as const) : [])]
}

/** Where the SIP servers of names are, seen from one realm (RFC 3263), and which of them were silent. */
export class SipNames {
  readonly #options: SipNamesOptions
  /** Monotonic ms until which a server is tried last. */
  readonly #down = new Map<string, number>()

  constructor(options: SipNamesOptions) {
    this.#options = options
  }

  /**
   * The servers of a name, in the order in which one request tries them; an address is its own. Those that are down come
   * last. `from`: our own addresses, whose families can be reached. @throws NameNotResolved, also after `patienceMs`
   */
  async servers(wanted: SipName, how: { from: readonly string[]; patienceMs: number }): Promise<SipServer[]> {
    return (await this.find(wanted, how)).servers
  }

  /** The same, with the names of servers whose addresses DNS does not tell. @throws NameNotResolved, also after `patienceMs` */
  async find(
    wanted: SipName,
    { from, patienceMs }: { from: readonly string[]; patienceMs: number },
  ): Promise<{ servers: SipServer[]; unknown: readonly string[] }> {
    const { name, port, transport = 'udp' } = wanted
    if (isIPv4(name) || isIPv6(name)) {
      const own = { host: name, address: name, port: port ?? (transport === 'tls' ? 5061 : 5060), transport }
      return { servers: [own], unknown: [] }
    }
    const { clock, random } = this.#options
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = clock.after(patienceMs, () => reject(new NameNotResolved(name, 'timeout')))
    try {
      const { targets, unknown } = await Promise.race([this.#locate(wanted, from), late])
      if (targets.length === 0) throw new NameNotResolved(name, 'no-such-name')
      return { servers: this.#deadLast(this.#usable(serversOf(targets, random))), unknown }
    } finally {
      timer.cancel()
    }
  }

  /** It had a request and said nothing. */
  silent(server: Omit<SipServer, 'host'>): void {
    const key = keyOf(server)
    this.#down.delete(key)
    if (this.#down.size >= MOST_DOWN) this.#down.delete(this.#down.keys().next().value!)
    this.#down.set(key, this.#options.clock.now() + DOWN_MS)
  }

  answered(server: Omit<SipServer, 'host'>): void {
    if (this.#down.size > 0) this.#down.delete(keyOf(server))
  }

  async #locate(wanted: SipName, from: readonly string[]) {
    try {
      return await locate(this.#options.clock, this.#options.ask, wanted, familiesOf(from))
    } catch (error) {
      if (!(error instanceof DnsFailure)) throw error
      const why = { 'no-server': 'no-server', silent: 'timeout', refused: 'server-failure' } as const
      throw new NameNotResolved(wanted.name, why[error.trouble])
    }
  }

  /** RFC 6724 §5, rule 1: what cannot be reached from here is not tried where anything else can. */
  #usable(servers: readonly SipServer[]): readonly SipServer[] {
    const { usable } = this.#options
    const left = usable ? servers.filter(({ address }) => usable(address)) : servers
    return left.length > 0 ? left : servers
  }

  #deadLast(servers: readonly SipServer[]): SipServer[] {
    const now = this.#options.clock.now()
    const down = new Set(servers.filter((server) => (this.#down.get(keyOf(server)) ?? 0) > now))
    return [...servers.filter((server) => !down.has(server)), ...down]
  }
}

function keyOf({ transport, address, port }: Omit<SipServer, 'host'>): string {
  return `${transport} ${address} ${port}`
}
