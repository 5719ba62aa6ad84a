import { isIP } from 'node:net'
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
}

/** Ms for which an address that a name leads to no more may still begin calls: others learn later that it is gone. */
const LEAVING_MS = 60_000

interface Former extends Source {
  /** Monotonic ms. */
  at: number
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
    if (!former) return undefined
    const age = this.#now() - former.at
    if (age > this.#formerMs) {
      this.#former.delete(address)
      return undefined
    }
    return { trunk: former.trunk, clear: former.clear, begins: age < LEAVING_MS }
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

/** A gateway that is an address is its own target. */
function targetOf({ address, port = 5060, transport = 'udp' }: GatewayConfig): SipTarget {
  return {
    ...{ host: address, addresses: [address], port, priority: 0, weight: 0 },
    transport: transport === 'udp+tcp' ? 'udp' : transport,
  }
}
