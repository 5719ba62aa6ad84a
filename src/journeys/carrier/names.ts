import type { Timer } from '#lib/index.ts'
import { gatewayKey, nameOf } from '#platform/trunk/index.ts'
import type { GatewayConfig, TrunkConfig, TrunkState } from '#platform/words/index.ts'
import { DnsFailure, type Located, type SipName, type SipTarget } from '#protocol/dns/index.ts'
import type { CarrierDeps } from './deps.ts'

/** No name is asked for more often, whatever its record says; ms. */
const CLOSEST_MS = 2000

/** Ms between two attempts while DNS does not tell: they grow from the first to the last. */
const RETRY_MS = 2000
const RETRY_MOST_MS = 60_000

/** Ms that a call waits for a name of which nothing is known yet. */
const PATIENCE_MS = 2000

interface Watch {
  trunk: TrunkConfig
  gateway: GatewayConfig
  wanted: SipName
  /** The next question. */
  timer: Timer | null
  /** The question that is under way. */
  looking: Promise<void> | null
  failures: number
  why: string
  closed: boolean
}

/**
 * Keeps the servers of every gateway with a name: asked for before what is known ends, so that no call waits for DNS. While
 * DNS does not tell, the last answer goes on; that there is nothing is an answer too.
 */
export class GatewayNames {
  readonly #deps: CarrierDeps
  readonly #onMoved: (trunk: TrunkConfig) => void
  readonly #watches = new Map<string, Watch>()

  /** `onMoved`: the servers of a trunk are others from now on. */
  constructor(deps: CarrierDeps, onMoved: (trunk: TrunkConfig) => void) {
    this.#deps = deps
    this.#onMoved = onMoved
  }

  /** Takes the trunks of a snapshot: names that stay are not asked for again. The locations have taken them before. */
  configure(trunks: readonly TrunkConfig[]): void {
    const wanted = new Set<string>()
    let kept: Record<string, readonly SipTarget[]> | null = null
    for (const trunk of trunks) {
      for (const gateway of trunk.gateways) {
        const name = nameOf(gateway)
        if (name === undefined) continue
        const key = gatewayKey(trunk.id, gateway)
        wanted.add(key)
        const known = this.#watches.get(key)
        if (known) {
          known.trunk = trunk
          known.gateway = gateway
          continue
        }
        kept ??= this.#deps.kept.read() ?? {}
        this.#deps.locations.place(trunk.id, gateway, kept[key] ?? [])
        const watch: Watch = {
          ...{ trunk, gateway, timer: null, looking: null, failures: 0, why: '', closed: false },
          wanted: { name, port: gateway.port, transport: gateway.transport === 'udp+tcp' ? 'udp' : gateway.transport },
        }
        this.#watches.set(key, watch)
        this.#look(watch)
      }
    }
    for (const [key, watch] of this.#watches) if (!wanted.has(key)) this.#drop(key, watch)
  }

  /** Settles when something is known of where a trunk is, or as much as a call can wait for; null where it is known. */
  ready(trunk: TrunkConfig): Promise<void> | null {
    if (trunk.gateways.some((gateway) => this.#targets(trunk, gateway).length > 0)) return null
    const watches = trunk.gateways.flatMap((gateway) => this.#watches.get(gatewayKey(trunk.id, gateway)) ?? [])
    if (watches.length === 0) return null
    return new Promise((resolve) => {
      const timer = this.#deps.clock.after(PATIENCE_MS, resolve)
      const end = () => {
        timer.cancel()
        resolve()
      }
      void Promise.all(watches.map((watch) => this.#look(watch))).then(end)
    })
  }

  /** What DNS does not tell of a trunk's names, in sentences. */
  untold(trunk: TrunkConfig): string[] {
    return trunk.gateways.flatMap((gateway) => this.#watches.get(gatewayKey(trunk.id, gateway))?.why || [])
  }

  states(trunk: TrunkConfig): TrunkState['names'] {
    return trunk.gateways.flatMap((gateway) => {
      const watch = this.#watches.get(gatewayKey(trunk.id, gateway))
      if (!watch) return []
      const targets = this.#targets(trunk, gateway)
      const known = targets.length > 0
      const state = watch.why ? (known ? 'kept' : 'nowhere') : watch.looking && !known ? 'looking' : known ? 'located' : 'nowhere'
      const text = watch.why || (known ? this.#shared(trunk, targets) : 'DNS says that it has no server')
      return [{ name: gateway.address, state, text }]
    })
  }

  /** What comes from an address is of one trunk: the first that has it. */
  #shared(trunk: TrunkConfig, targets: readonly SipTarget[]): string {
    const addresses = targets.flatMap((target) => target.addresses)
    const others = addresses.filter((address) => this.#deps.locations.sourceOf(address)?.trunk !== trunk.id)
    return others.length > 0 ? `another trunk has the calls that come from ${others.join(', ')}` : ''
  }

  close(): void {
    for (const [key, watch] of this.#watches) this.#drop(key, watch)
  }

  /** Asks, unless that is under way already. */
  #look(watch: Watch): Promise<void> {
    watch.timer?.cancel()
    watch.looking ??= this.#ask(watch).then((pause) => {
      watch.looking = null
      if (!watch.closed) watch.timer = this.#deps.clock.after(pause, () => void this.#look(watch))
    })
    return watch.looking
  }

  /** Ms until the next question. */
  async #ask(watch: Watch): Promise<number> {
    let located: Located
    try {
      located = await this.#deps.locate(watch.wanted)
    } catch (error) {
      if (!(error instanceof DnsFailure)) this.#deps.log.error({ err: error }, 'a name could not be looked for')
      return this.#failed(watch, error instanceof DnsFailure ? error.message : 'a fault of ours')
    }
    const { targets, unknown, freshMs } = located
    const known = this.#targets(watch.trunk, watch.gateway).length > 0
    // A part of the truth is better than nothing, and worse than the whole of a minute ago.
    if (unknown.length === 0 || !known) this.#place(watch, targets)
    if (unknown.length > 0) return this.#failed(watch, `DNS does not tell the address of ${unknown.join(', ')}`)
    if (watch.failures > 0) this.#deps.log.info(aboutOf(watch), 'DNS tells the name of a gateway again')
    watch.failures = 0
    watch.why = ''
    return Math.max(CLOSEST_MS, freshMs)
  }

  #failed(watch: Watch, why: string): number {
    watch.failures += 1
    watch.why = why
    if (watch.failures === 1) this.#deps.log.warn({ ...aboutOf(watch), why }, 'DNS does not tell the name of a gateway')
    return Math.min(RETRY_MOST_MS, RETRY_MS * 2 ** Math.min(watch.failures - 1, 10)) * (0.75 + 0.25 * this.#deps.random())
  }

  #place(watch: Watch, targets: readonly SipTarget[]): void {
    const { trunk, gateway, closed } = watch
    if (closed || !this.#deps.locations.place(trunk.id, gateway, targets)) return
    if (targets.length === 0) this.#deps.log.warn(aboutOf(watch), 'the name of a gateway leads nowhere')
    else this.#deps.log.info({ ...aboutOf(watch), targets: targets.length }, 'the name of a gateway leads elsewhere')
    this.#keep()
    this.#onMoved(trunk)
  }

  #keep(): void {
    const all = [...this.#watches].map(([key, { trunk, gateway }]) => [key, this.#targets(trunk, gateway)] as const)
    this.#deps.kept.write(Object.fromEntries(all.filter(([, targets]) => targets.length > 0)))
  }

  #targets(trunk: TrunkConfig, gateway: GatewayConfig): readonly SipTarget[] {
    return this.#deps.locations.targetsOf(trunk.id, gateway)
  }

  #drop(key: string, watch: Watch): void {
    watch.closed = true
    watch.timer?.cancel()
    this.#watches.delete(key)
  }
}

function aboutOf({ trunk, gateway }: Watch): { trunk: string; gateway: string } {
  return { trunk: trunk.name, gateway: gateway.address }
}
