import { isIP } from 'node:net'
import type { Id } from '#lib/index.ts'
import type { GatewayConfig, TrunkConfig } from '#platform/words/index.ts'
import type { SipTarget } from '#protocol/dns/index.ts'

/** Whose an address is, and what it may do. */
export interface Source {
  trunk: Id<'trk'>
  /** It may speak in the clear: a server that is reached by TLS alone may not. */
  clear: boolean
  /** It may begin calls. An address that a name has left may only go on with those that are up. */
  begins: boolean
}

/** Ms for which an address that a name has left may still begin calls: others learn later that it is gone. */
const LEAVING_MS = 60_000

interface Former extends Source {
  key: string
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

  /** `now`: monotonic ms. `formerMs`: for how long calls with an address may be up that a name has left. */
  constructor(options: { now: () => number; formerMs: number }) {
    this.#now = options.now
    this.#formerMs = options.formerMs
  }

  /** Takes the trunks of a snapshot. Gateways that stay are where they were; those that go are known no more. */
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
    for (const [address, { key }] of this.#former) if (!keys.has(key)) this.#former.delete(address)
    this.#index()
  }

  /** Says where a gateway with a name is now. Whether that is another place than before. */
  place(trunk: Id<'trk'>, gateway: GatewayConfig, targets: readonly SipTarget[]): boolean {
    const key = gatewayKey(trunk, gateway)
    const before = this.#targets.get(key) ?? []
    const after = sorted(targets)
    if (JSON.stringify(before) === JSON.stringify(after)) return false
    this.#targets.set(key, after)
    const sources = this.#sources
    this.#index()
    const at = this.#now()
    for (const address of before.flatMap(({ addresses }) => addresses)) {
      const source = sources.get(address)
      if (source?.trunk === trunk && !this.#sources.has(address)) this.#former.set(address, { ...source, key, at })
    }
    return true
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

  /** The first trunk that an address is of has it. */
  #index(): void {
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
    this.#sources = sources
    for (const [address, { at }] of this.#former)
      if (sources.has(address) || this.#now() - at > this.#formerMs) this.#former.delete(address)
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
