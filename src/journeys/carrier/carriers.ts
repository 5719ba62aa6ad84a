import type { Timer } from '#lib/index.ts'
import { GatewayHealth, gatewayHop, orderGateways } from '#platform/trunk/index.ts'
import type { GatewayConfig, TrunkConfig, TrunkState } from '#platform/words/index.ts'
import { formatUri } from '#protocol/sip/index.ts'
import type { CarrierDeps, LiveGateways } from './deps.ts'
import { TrunkRegistration } from './registration.ts'

/** Ms that a gateway has for its answer to OPTIONS; and the pause after one that was lost, so that death is seen soon. */
const OPTIONS_MS = 2000

interface Watched {
  trunk: TrunkConfig
  registration: TrunkRegistration | null
  /** The next OPTIONS to each of its gateways. */
  timers: Map<string, Timer>
}

/** Keeps every trunk of the newest snapshot alive: asks its gateways by OPTIONS, registers where that is wanted. */
export class Carriers implements LiveGateways {
  readonly #deps: CarrierDeps
  readonly #health = new Map<string, GatewayHealth>()
  readonly #watched = new Map<string, Watched>()

  constructor(deps: CarrierDeps) {
    this.#deps = deps
  }

  /** Takes the trunks of a snapshot: those that stay keep what is known of them (PITFALLS O07). */
  configure(trunks: readonly TrunkConfig[]): void {
    const wanted = new Set(trunks.map(({ id }) => id as string))
    for (const [id, watched] of this.#watched) {
      if (wanted.has(id)) continue
      this.#rest(watched, { leave: true })
      this.#watched.delete(id)
    }
    for (const trunk of trunks) this.#watch(trunk)
    const keys = new Set(trunks.flatMap(({ gateways }) => gateways.map(keyOf)))
    for (const key of this.#health.keys()) if (!keys.has(key)) this.#health.delete(key)
  }

  /** Where the trunk is registered comes first, as the carrier may serve nobody elsewhere (PITFALLS S37). */
  order(trunk: TrunkConfig): GatewayConfig[] {
    const now = this.#deps.clock.now()
    const ordered = orderGateways(trunk, (gateway) => this.#healthOf(gateway).isDown(now), this.#deps.random)
    const at = this.#watched.get(trunk.id)?.registration?.at
    const first = at && ordered.find((gateway) => keyOf(gateway) === keyOf(at))
    if (!first || this.#healthOf(first).isDown(now)) return ordered
    return [first, ...ordered.filter((gateway) => gateway !== first)]
  }

  answered(gateway: GatewayConfig): void {
    this.#healthOf(gateway).answered()
  }

  silent(gateway: GatewayConfig): void {
    this.#healthOf(gateway).silent(this.#deps.clock.now())
  }

  states(): TrunkState[] {
    const now = this.#deps.clock.now()
    return [...this.#watched.values()].map(({ trunk, registration }) => ({
      trunk: trunk.id,
      gateways: trunk.gateways.map((gateway) => {
        const health = this.#healthOf(gateway)
        const { address, port } = gateway
        return { address, port, state: health.isDown(now) ? 'down' : 'up', lost: health.lost }
      }),
      registration: registration?.state ?? null,
    }))
  }

  /** The switch stops: registrations stay, since the next one goes on with them. */
  close(): void {
    for (const watched of this.#watched.values()) this.#rest(watched, { leave: false })
    this.#watched.clear()
  }

  #watch(trunk: TrunkConfig): void {
    const known = this.#watched.get(trunk.id)
    const watched: Watched = known ?? { trunk, registration: null, timers: new Map() }
    watched.trunk = trunk
    this.#watched.set(trunk.id, watched)
    if (trunk.registerSeconds === undefined || !trunk.credentials) {
      watched.registration?.close({ leave: true })
      watched.registration = null
    } else if (watched.registration) watched.registration.change(trunk)
    else watched.registration = new TrunkRegistration(this.#deps, this, trunk)
    for (const timer of watched.timers.values()) timer.cancel()
    watched.timers.clear()
    for (const gateway of trunk.gateways) this.#askLater(watched, gateway, this.#deps.random())
  }

  /** In one interval, or in this share of it: not all gateways of the node at once. */
  #askLater(watched: Watched, gateway: GatewayConfig, share: number): void {
    const { optionsSeconds } = watched.trunk
    if (optionsSeconds === undefined) return
    const health = this.#healthOf(gateway)
    const whole = health.lost > 0 ? Math.min(OPTIONS_MS, optionsSeconds * 1000) : optionsSeconds * 1000
    const timer = this.#deps.clock.after(whole * share, () => void this.#ask(watched, gateway))
    watched.timers.set(keyOf(gateway), timer)
  }

  async #ask(watched: Watched, gateway: GatewayConfig): Promise<void> {
    const timer = watched.timers.get(keyOf(gateway))
    const health = this.#healthOf(gateway)
    const before = health.isDown(this.#deps.clock.now())
    try {
      await this.#options(watched.trunk, gateway)
      health.answered()
    } catch {
      health.optionsLost()
    }
    const after = health.isDown(this.#deps.clock.now())
    const about = { trunk: watched.trunk.name, gateway: keyOf(gateway) }
    if (before && !after) this.#deps.log.info(about, 'a gateway is back')
    if (!before && after) this.#deps.log.warn(about, 'a gateway answers no OPTIONS any more')
    // Another publication may have laid down its own next question meanwhile.
    if (watched.timers.get(keyOf(gateway)) === timer) this.#askLater(watched, gateway, 1)
  }

  async #options(trunk: TrunkConfig, gateway: GatewayConfig): Promise<void> {
    const node = this.#deps.node()
    const uri = formatUri({ host: gateway.address, port: gateway.port })
    const ours = formatUri({ user: 'tieline', host: node?.local.address ?? '0.0.0.0' })
    await node?.agent.request({
      method: 'OPTIONS',
      uri,
      to: gatewayHop(trunk, gateway),
      from: `<${ours}>`,
      toHeader: `<${uri}>`,
      timeoutMs: OPTIONS_MS,
    })
  }

  #rest(watched: Watched, how: { leave: boolean }): void {
    watched.registration?.close(how)
    for (const timer of watched.timers.values()) timer.cancel()
    watched.timers.clear()
  }

  #healthOf(gateway: GatewayConfig): GatewayHealth {
    let health = this.#health.get(keyOf(gateway))
    if (!health) {
      health = new GatewayHealth()
      this.#health.set(keyOf(gateway), health)
    }
    return health
  }
}

function keyOf({ address, port }: GatewayConfig): string {
  return `${address}:${port}`
}
