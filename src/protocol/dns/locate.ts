import type { Clock } from '#lib/index.ts'
import type { RecordData } from './answer.ts'
import type { Ask, Found } from './client.ts'
import { DnsFailure } from './failure.ts'
import { hostName } from './name.ts'

/** The records by which a host says where it is. */
export type AddressFamily = 'A' | 'AAAA'

/** How SIP is spoken there. */
export type SipTransport = 'udp' | 'tcp' | 'tls'

/** A SIP server by name, as much as somebody has said of it. */
export interface SipName {
  name: string
  /** With a port there are no SRV records to look for (RFC 3263 §4.2). */
  port?: number | undefined
  /** Without it NAPTR says, or the first SRV records that are there. */
  transport?: SipTransport | undefined
}

/** Where messages may go: a target of SRV, or the name itself. */
export interface SipTarget {
  host: string
  addresses: string[]
  port: number
  transport: SipTransport
  /** RFC 2782: the lowest is tried first; among equals, as often as the weight says. */
  priority: number
  weight: number
}

export interface Located {
  /** None: DNS says that there is nothing. */
  targets: SipTarget[]
  /** Ms for which this holds. */
  freshMs: number
  /** Targets whose address DNS did not tell, or not in time, and which are therefore not among the others. */
  unknown: string[]
}

const SERVICES: ReadonlyMap<string, SipTransport> = new Map([
  ['sip+d2u', 'udp'],
  ['sip+d2t', 'tcp'],
  ['sips+d2t', 'tls'],
])
const PREFIXES: Readonly<Record<SipTransport, string>> = { udp: '_sip._udp', tcp: '_sip._tcp', tls: '_sips._tcp' }
/** The order in which SRV is looked for where nobody has said how the server is reached. */
const TRANSPORTS = ['udp', 'tcp', 'tls'] as const

/** Ms that a target's address may take longer than the first one's: a server that is known need not wait for one that is not. */
const BEHIND_MS = 300

/** Targets and addresses that are read of one name; more is somebody's mistake. */
const MOST_TARGETS = 32
const MOST_ADDRESSES = 16

/**
 * Finds the servers of a name (RFC 3263 §4.1, §4.2): NAPTR, SRV, addresses. `families` are what SIP sockets can
 * reach; of a server that has several, the addresses of the first are tried first.
 * Rejects with DnsFailure where DNS could not tell; that it says there is nothing is an answer.
 */
export async function locate(clock: Clock, ask: Ask, wanted: SipName, families: readonly AddressFamily[]): Promise<Located> {
  const search = new Search(clock, ask, families)
  const targets = await search.run(wanted)
  return { targets, freshMs: search.freshMs, unknown: search.unknown }
}

class Search {
  readonly #clock: Clock
  readonly #ask: Ask
  readonly #families: readonly AddressFamily[]
  readonly unknown: string[] = []
  freshMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock, ask: Ask, families: readonly AddressFamily[]) {
    this.#clock = clock
    this.#ask = ask
    this.#families = families
  }

  async run({ name, port, transport }: SipName): Promise<SipTarget[]> {
    if (port !== undefined) return this.#atName(name, port, transport ?? 'udp')
    if (transport !== undefined) {
      const records = await this.#services(`${PREFIXES[transport]}.${name}`)
      return records ? this.#atTargets(records, transport) : this.#atName(name, defaultPort(transport), transport)
    }
    return (await this.#byNaptr(name)) ?? (await this.#byAnySrv(name)) ?? this.#atName(name, 5060, 'udp')
  }

  /** §4.1: the first service in the carrier's order that we speak; null where it names none. */
  async #byNaptr(name: string): Promise<SipTarget[] | null> {
    const { records } = this.#noted(await this.#ask(name, 'NAPTR'))
    const known = records
      .filter(({ flags, services, regexp }) => {
        return flags.toLowerCase() === 's' && regexp === '' && SERVICES.has(services.toLowerCase())
      })
      .sort((a, b) => a.order - b.order || a.preference - b.preference)
    for (const { services, replacement } of known) {
      const service = hostName(replacement)
      const found = service && (await this.#services(service))
      if (found) return this.#atTargets(found, SERVICES.get(services.toLowerCase())!)
    }
    return null
  }

  /** §4.1: without NAPTR, the first transport that has SRV records; what DNS tells of those behind it, or does not, is nothing to it. */
  async #byAnySrv(name: string): Promise<SipTarget[] | null> {
    const asked = TRANSPORTS.map((transport) => this.#services(`${PREFIXES[transport]}.${name}`))
    for (const one of asked) one.catch(() => {})
    for (const [i, one] of asked.entries()) {
      const records = await one
      if (records) return this.#atTargets(records, TRANSPORTS[i]!)
    }
    return null
  }

  /** Null where there are no such records. A single root says that the service is decidedly not there (RFC 2782). */
  async #services(service: string): Promise<readonly RecordData['SRV'][] | null> {
    const { records } = this.#noted(await this.#ask(service, 'SRV'))
    return records.length === 0 ? null : records.filter(({ target }) => target !== '')
  }

  async #atTargets(records: readonly RecordData['SRV'][], transport: SipTransport): Promise<SipTarget[]> {
    const named = records.slice(0, MOST_TARGETS).flatMap(({ target, ...record }) => {
      const host = hostName(target)
      return host === null ? [] : [{ ...record, host }]
    })
    const found = new Map<string, string[]>()
    const looked = named.map(async ({ host }) => {
      const addresses = await this.#addressesOrNone(host)
      if (addresses) found.set(host, addresses)
      return addresses !== null && addresses.length > 0
    })
    await this.#firstOf(looked)
    const hosts = [...new Set(named.map(({ host }) => host))]
    this.unknown.push(...hosts.filter((host) => !found.has(host)))
    // Without any address of any target, DNS has told nothing that a call could use.
    if (this.unknown.length > 0 && [...found.values()].every(({ length }) => length === 0))
      throw new DnsFailure(this.unknown[0]!, this.#families[0]!, 'silent')
    return named.flatMap((target) => {
      const addresses = found.get(target.host) ?? []
      return addresses.length > 0 ? [{ ...target, addresses, transport }] : []
    })
  }

  /** Until all are looked up, or one has been found and the others have had {@link BEHIND_MS} more. */
  async #firstOf(looked: readonly Promise<boolean>[]): Promise<void> {
    const all = Promise.all(looked)
    const first = new Promise<void>((resolve) => {
      for (const one of looked) one.then((found) => found && resolve(), resolve)
    })
    await Promise.race([all, first])
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = this.#clock.after(BEHIND_MS, resolve)
    await Promise.race([all, late]).finally(() => timer.cancel())
  }

  async #atName(host: string, port: number, transport: SipTransport): Promise<SipTarget[]> {
    const addresses = await this.#addresses(host)
    return addresses.length > 0 ? [{ host, addresses, port, transport, priority: 0, weight: 0 }] : []
  }

  /** What DNS does not tell of one family, or not in time, is nothing to a host that has an address of another one. */
  async #addresses(host: string): Promise<string[]> {
    const told = new Map<AddressFamily, readonly string[]>()
    const failures: unknown[] = []
    const asked = this.#families.map(async (family) => {
      try {
        const { records } = this.#noted(await this.#ask(host, family))
        told.set(family, records)
        return records.length > 0
      } catch (error) {
        failures.push(error)
        return false
      }
    })
    await (asked.length === 1 ? asked[0] : this.#firstOf(asked))
    const found = this.#families.flatMap((family) => told.get(family) ?? [])
    if (found.length === 0 && failures.length > 0) throw failures[0]
    return found.slice(0, MOST_ADDRESSES)
  }

  /** Null where DNS could not tell. */
  async #addressesOrNone(host: string): Promise<string[] | null> {
    try {
      return await this.#addresses(host)
    } catch (error) {
      if (!(error instanceof DnsFailure)) throw error
      return null
    }
  }

  /** The whole holds no longer than the least of its parts. */
  #noted<T extends Found<keyof RecordData>>(found: T): T {
    this.freshMs = Math.min(this.freshMs, found.freshMs)
    return found
  }
}

function defaultPort(transport: SipTransport): number {
  return transport === 'tls' ? 5061 : 5060
}
