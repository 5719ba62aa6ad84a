import { randomInt } from 'node:crypto'
import { isIPv4 } from 'node:net'
import dnsPacket from 'dns-packet'
import { type Clock, TielineError } from '#lib/index.ts'

/** What the resolver needs of its socket, which was opened in the site's namespace. */
export interface DnsTransport {
  send(bytes: Uint8Array, to: { address: string; port: number }): void
}

/** The site's DNS could not tell. */
export class NameNotResolved extends TielineError {
  constructor(name: string, why: 'no-server' | 'timeout' | 'no-such-name' | 'server-failure') {
    super(
      `a name of the site cannot be resolved: ${why}`,
      { code: 'name-not-resolved', fault: 'subscriber', retry: why === 'timeout', http: 502, sip: 480, q850: 38 },
      { name, why },
    )
    this.name = 'NameNotResolved'
  }
}

interface Question {
  name: string
  server: string
  settle(answer: dnsPacket.Packet): void
}

const ATTEMPTS = 2

/** Entries kept; a site has few names that a switch asks for. */
const CACHED = 256

/**
 * Resolves names of one site by the site's own DNS, over a socket in its namespace: the system's resolver would ask
 * outside (PITFALLS T08). Addresses only, as yet; never falls back to any other server.
 */
export class SiteResolver {
  readonly #clock: Clock
  readonly #transport: DnsTransport
  readonly #questions = new Map<number, Question>()
  readonly #cache = new Map<string, { address: string; until: number }>()
  #servers: readonly string[] = []
  #search = ''

  constructor(options: { clock: Clock; transport: DnsTransport }) {
    this.#clock = options.clock
    this.#transport = options.transport
  }

  /** Sets the site's servers anew; what was learnt from others is forgotten. */
  configure(dns: { servers: readonly string[]; search?: string } | null): void {
    const servers = dns?.servers ?? []
    const search = dns?.search ?? ''
    if (servers.join() === this.#servers.join() && search === this.#search) return
    this.#servers = servers
    this.#search = search
    this.#cache.clear()
  }

  /** The IPv4 address of `host`, which may be one already. Each server gets `timeoutMs`, twice. @throws NameNotResolved */
  async resolve(host: string, timeoutMs = 1000): Promise<string> {
    if (isIPv4(host)) return host
    const name = !host.includes('.') && this.#search ? `${host}.${this.#search}` : host
    const known = this.#cache.get(name)
    if (known && known.until > this.#clock.now()) return known.address
    if (this.#servers.length === 0) throw new NameNotResolved(name, 'no-server')
    let why: 'timeout' | 'no-such-name' | 'server-failure' = 'timeout'
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      for (const server of this.#servers) {
        const answer = await this.#ask(name, server, timeoutMs)
        if (!answer) continue
        const address = this.#read(name, answer)
        if (address) return address
        const code = (answer as { rcode?: string }).rcode
        why = code === 'NXDOMAIN' || code === 'NOERROR' ? 'no-such-name' : 'server-failure'
        if (why === 'no-such-name') throw new NameNotResolved(name, why)
      }
    }
    throw new NameNotResolved(name, why)
  }

  /** A datagram from the socket. Only the asked server's answer to the very question counts. */
  receive(bytes: Uint8Array, from: { address: string; port: number }): void {
    if (bytes.length < 12 || from.port !== 53) return
    const id = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
    const question = this.#questions.get(id)
    if (!question || question.server !== from.address) return
    try {
      const packet = dnsPacket.decode(Buffer.from(bytes))
      const asked = packet.questions?.[0]
      if (packet.type !== 'response' || asked?.name.toLowerCase() !== question.name.toLowerCase()) return
      question.settle(packet)
    } catch {
      // Not DNS: as good as silence.
    }
  }

  /** Questions that wait: zero when nothing is left. */
  get waiting(): number {
    return this.#questions.size
  }

  #ask(name: string, server: string, timeoutMs: number): Promise<dnsPacket.Packet | null> {
    return new Promise((resolve) => {
      let id = randomInt(0x10000)
      while (this.#questions.has(id)) id = randomInt(0x10000)
      const end = (answer: dnsPacket.Packet | null) => {
        this.#questions.delete(id)
        timer.cancel()
        resolve(answer)
      }
      const timer = this.#clock.after(timeoutMs, () => end(null))
      this.#questions.set(id, { name, server, settle: end })
      const packet = dnsPacket.encode({
        type: 'query',
        id,
        flags: dnsPacket.RECURSION_DESIRED,
        questions: [{ type: 'A', name }],
      })
      this.#transport.send(packet, { address: server, port: 53 })
    })
  }

  #read(name: string, packet: dnsPacket.Packet): string | null {
    for (const answer of packet.answers ?? []) {
      if (answer.type !== 'A') continue
      if (this.#cache.size >= CACHED) this.#cache.clear()
      // A name that changes must be followed within minutes, whatever its record says (PITFALLS T04).
      const ttlMs = 1000 * Math.min(60, Math.max(1, answer.ttl ?? 0))
      this.#cache.set(name, { address: answer.data, until: this.#clock.now() + ttlMs })
      return answer.data
    }
    return null
  }
}
