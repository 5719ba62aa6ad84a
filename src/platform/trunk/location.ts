import { BlockList, isIP, isIPv6 } from 'node:net'
import type { Id } from '#lib/index.ts'
import type { GatewayConfig, TrunkConfig } from '#platform/words/index.ts'
import type { SipTarget } from '#protocol/dns/index.ts'

/** Whose an address is, and what it may do. */
export interface Source {
  trunk: Id<'trk'>
  /** It may speak in the clear: a server that is reached by TLS alone may not. */
  clear: boolean
  /** It may begin calls. An address that its trunk has left may only go on with those that are up. */
  begins: boolean
  /** It is of a network from which the trunk calls, and none of its gateways. */
  listed?: true
}

/** Ms for which an address that a name leads to no more may still begin calls: others learn later that it is gone. */
const LEAVING_MS = 60_000

interface Former extends Source {
  /** Monotonic ms. */
  at: number
}

/** A network from which a trunk calls. */
interface Network extends Former {
  cidr: string
  bits: number
  list: BlockList
  /** It is the trunk's no more, since `at`. */
  left: boolean
}

/** What a gateway's location is known by, also from one publication to the next. */
export function gatewayKey(trunk: Id<'trk'>, { address, port, transport }: GatewayConfig): string {
  return `${trunk} ${transport ?? ''} ${address} ${port ?? ''}`
}

/** Where the gateways of all trunks are, and whose the address is that something comes from. */
export class Locations {
  readonly #now: () => number
  readonly #formerMs: number
  readonly #targets = new Map<string, readonly SipTarget[]>()
  #trunks: readonly TrunkConfig[] = []
  #sources = new Map<string, Source>()
  readonly #former = new Map<string, Former>()
  /** The smallest first. */
  #networks: readonly Network[] = []

  /** `now`: monotonic ms. `formerMs`: for how long calls with an address may be up that its trunk has left. */
  constructor(options: { now: () => number; formerMs: number }) {
    this.#now = options.now
    this.#formerMs = options.formerMs
  }

  /**
   * Takes the trunks of a snapshot. Gateways that stay are where they were; those that go begin no calls from now on, and go
   * on with those that are up (PITFALLS O07), unless their trunk is gone.
   */
  configure(trunks: readonly TrunkConfig[]): void {
    this.#trunks = trunks
    const keys = new Set<string>()
    for (const { id, gateways } of trunks) {
      for (const gateway of gateways) {
        const key = gatewayKey(id, gateway)
        keys.add(key)
        if (isIP(gateway.address) !== 0) this.#targets.set(key, [targetOf(gateway)])
      }
    }
    for (const key of this.#targets.keys()) if (!keys.has(key)) this.#targets.delete(key)
    this.#indexNetworks()
    this.#index(LEAVING_MS)
  }

  /** Says where a gateway with a name is now. Whether that is another place than before. */
  place(trunk: Id<'trk'>, gateway: GatewayConfig, targets: readonly SipTarget[]): boolean {
    const key = gatewayKey(trunk, gateway)
    const before = this.#targets.get(key) ?? []
    const after = sorted(targets)
    if (JSON.stringify(before) === JSON.stringify(after)) return false
    this.#targets.set(key, after)
    this.#index(0)
    return true
  }

  /** A call that was up in a former process goes on with this address, which its trunk may have left meanwhile. */
  stays(trunk: Id<'trk'>, address: string, clear: boolean): void {
    if (this.#sources.has(address) || !this.#trunks.some(({ id }) => id === trunk)) return
    this.#former.set(address, { trunk, clear, begins: false, at: this.#now() - LEAVING_MS })
  }

  targetsOf(trunk: Id<'trk'>, gateway: GatewayConfig): readonly SipTarget[] {
    return this.#targets.get(gatewayKey(trunk, gateway)) ?? []
  }

  /** Undefined for a stranger. */
  sourceOf(address: string): Source | undefined {
    const source = this.#sources.get(address)
    if (source) return source
    const former = this.#former.get(address)
    const network = this.#networkOf(address)
    if (!former) return network
    const age = this.#now() - former.at
    const begins = age < LEAVING_MS
    if (age > this.#formerMs) this.#former.delete(address)
    // What may begin no calls as the server that it was, or that a call of a former process was with, may as one of a network.
    return age > this.#formerMs || (!begins && network?.begins) ? network : { trunk: former.trunk, clear: former.clear, begins }
  }

  /** A stranger costs a look at each network, and nothing where there are none. */
  #networkOf(address: string): Source | undefined {
    if (this.#networks.length === 0) return undefined
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    const found = this.#networks.find(
      ({ list, left, at }) => !(left && this.#now() - at > this.#formerMs) && list.check(address, family),
    )
    return found && { trunk: found.trunk, clear: found.clear, begins: !found.left, listed: true }
  }

  /** From where else trunks call. What is taken away begins no calls from now on, and goes on with those that are up. */
  #indexNetworks(): void {
    const wanted = this.#trunks.flatMap(({ id, gateways, sources = [] }) => {
      const clear = !gateways.every(({ transport }) => transport === 'tls')
      return sources.map((cidr) => networkOf(cidr, { trunk: id, clear, begins: true }))
    })
    const ids = new Set<string>(this.#trunks.map(({ id }) => id))
    const stays = ({ cidr, trunk }: Network) => wanted.some((network) => network.cidr === cidr && network.trunk === trunk)
    const now = this.#now()
    const left = this.#networks.flatMap((network) => {
      const since = network.left ? network.at : now
      return stays(network) || !ids.has(network.trunk) || now - since > this.#formerMs
        ? []
        : [{ ...network, left: true, at: since }]
    })
    this.#networks = [...wanted, ...left].sort((a, b) => Number(a.left) - Number(b.left) || b.bits - a.bits)
  }

  /** The first trunk that an address is of has it. What leaves its trunk has done so `ageMs` ago. */
  #index(ageMs: number): void {
    const sources = new Map<string, Source>()
    for (const { id, gateways } of this.#trunks) {
      for (const { transport, addresses } of gateways.flatMap((gateway) => this.targetsOf(id, gateway))) {
        for (const address of addresses) {
          const known = sources.get(address)
          if (!known) sources.set(address, { trunk: id, clear: transport !== 'tls', begins: true })
          else if (known.trunk === id && transport !== 'tls') known.clear = true
        }
      }
    }
    const ids = new Set<string>(this.#trunks.map(({ id }) => id))
    const at = this.#now() - ageMs
    for (const [address, source] of this.#sources) if (!sources.has(address)) this.#former.set(address, { ...source, at })
    this.#sources = sources
    for (const [address, { trunk, at }] of this.#former) {
      const over = this.#now() - at > this.#formerMs
      if (over || sources.has(address) || !ids.has(trunk)) this.#former.delete(address)
    }
  }
}

/** DNS tells records in any order. */
function sorted(targets: readonly SipTarget[]): SipTarget[] {
  const rank = ({ host, port, transport }: SipTarget) => `${host} ${port} ${transport}`
  const same = targets.map((target) => ({ ...target, addresses: [...target.addresses].sort() }))
  return same.sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
}

function networkOf(cidr: string, source: Source): Network {
  const [address = '', bits] = cidr.split('/')
  const list = new BlockList()
  list.addSubnet(address, Number(bits), isIPv6(address) ? 'ipv6' : 'ipv4')
  return { ...source, cidr, bits: Number(bits), list, left: false, at: 0 }
}

/** A gateway that is an address is its own target. */
function targetOf({ address, port = 5060, transport = 'udp' }: GatewayConfig): SipTarget {
  return {
    ...{ host: address, addresses: [address], port, priority: 0, weight: 0 },
    transport: transport === 'udp+tcp' ? 'udp' : transport,
  }
}
