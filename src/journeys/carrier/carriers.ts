import type { Id, Timer } from '#lib/index.ts'
import {
  GatewayHealth,
  type GatewayServer,
  nameOf,
  orderServers,
  serverHop,
  serverKey,
  serverUri,
} from '#platform/trunk/index.ts'
import type { TrunkConfig, TrunkState } from '#platform/words/index.ts'
import { formatUri, type Hop } from '#protocol/sip/index.ts'
import type { CarrierDeps, LiveGateways } from './deps.ts'
import { GatewayNames } from './names.ts'
import { TrunkRegistration } from './registration.ts'

/** Ms that a server has for any answer to OPTIONS; and the pause after one that was lost, so that death is seen soon. */
const OPTIONS_MS = 2000

interface Watched {
  trunk: TrunkConfig
  registration: TrunkRegistration | null
  /** All of them, in the order of its configuration. */
  servers: readonly GatewayServer[]
  /** The next OPTIONS to each of its servers. */
  timers: Map<string, Timer>
}

/** Keeps every trunk of the newest snapshot alive: finds its servers, asks them by OPTIONS, registers where that is wanted. */
export class Carriers implements LiveGateways {
  readonly #deps: CarrierDeps
  readonly #names: GatewayNames
  readonly #health = new Map<string, GatewayHealth>()
  readonly #watched = new Map<string, Watched>()
  /** Monotonic ms: the last moment at which any server rests. */
  #restsUntil = 0

  constructor(deps: CarrierDeps) {
    this.#deps = deps
    this.#names = new GatewayNames(deps, (trunk) => this.#moved(trunk))
  }

  /** Takes the trunks of a snapshot: those that stay keep what is known of them (PITFALLS O07). */
  configure(trunks: readonly TrunkConfig[]): void {
    const wanted = new Set(trunks.map(({ id }) => id as string))
    for (const [id, watched] of this.#watched) {
      if (wanted.has(id)) continue
      this.#rest(watched, { leave: true })
      this.#watched.delete(id)
    }
    this.#deps.locations.configure(trunks)
    this.#names.configure(trunks)
    for (const trunk of trunks) this.#watch(trunk)
    this.#forget()
  }

  /** Where the trunk is registered comes first, as the carrier may serve nobody elsewhere (PITFALLS S37). */
  order(trunk: TrunkConfig): readonly GatewayServer[] {
    const servers = this.#servers(trunk)
    if (servers.length < 2) return servers
    const now = this.#deps.clock.now()
    const isDown = (server: GatewayServer) => this.#health.get(serverKey(server))?.isDown(now) ?? false
    const targetsOf = (gateway: TrunkConfig['gateways'][number]) => this.#deps.locations.targetsOf(trunk.id, gateway)
    const ordered = orderServers(trunk, targetsOf, isDown, this.#deps.random)
    const at = this.#watched.get(trunk.id)?.registration?.at
    const first = at && ordered.find((server) => serverKey(server) === serverKey(at))
    if (!first || isDown(first)) return ordered
    return [first, ...ordered.filter((server) => server !== first)]
  }

  /** Settles when there is something to order, or nothing more to be waited for; null where there is. */
  ready(trunk: TrunkConfig): Promise<void> | null {
    return this.#servers(trunk).length > 0 ? null : this.#names.ready(trunk)
  }

  untold(trunk: TrunkConfig): string[] {
    return this.#names.untold(trunk)
  }

  answered(server: GatewayServer): void {
    this.#healthOf(server).answered()
  }

  /** It is asked soon, since it may have been one datagram that was lost. */
  silent(server: GatewayServer): void {
    this.#healthOf(server).silent(this.#deps.clock.now())
    for (const watched of this.#watched.values()) {
      if (watched.timers.has(serverKey(server))) this.#askIn(watched, server, OPTIONS_MS)
    }
  }

  rests(server: GatewayServer): boolean {
    const now = this.#deps.clock.now()
    return now < this.#restsUntil && (this.#health.get(serverKey(server))?.restsMs(now) ?? 0) > 0
  }

  /** Ms until the first of its servers may be asked again, where all have said that they can't serve (RFC 3261 §21.5.4); else 0. */
  restsMs(trunk: TrunkConfig): number {
    const now = this.#deps.clock.now()
    if (now >= this.#restsUntil) return 0
    const rests = this.#servers(trunk).map((server) => this.#health.get(serverKey(server))?.restsMs(now) ?? 0)
    return rests.length === 0 ? 0 : Math.min(...rests)
  }

  stays(trunk: Id<'trk'>, { address, transport }: Hop): void {
    this.#deps.locations.stays(trunk, address, transport !== 'tls')
  }

  unavailable(server: GatewayServer, ms: number): void {
    const now = this.#deps.clock.now()
    const health = this.#healthOf(server)
    health.unavailable(now, ms)
    this.#restsUntil = Math.max(this.#restsUntil, now + health.restsMs(now))
  }

  states(): TrunkState[] {
    const now = this.#deps.clock.now()
    return [...this.#watched.values()].map(({ trunk, servers, registration }) => ({
      trunk: trunk.id,
      gateways: servers.map((server) => {
        const { gateway, address, port, transport } = server
        const health = this.#healthOf({ transport, address, port })
        const name = nameOf(gateway)
        const trouble = this.#deps.node()?.trouble?.(serverHop(trunk, server))
        return {
          ...(name === undefined ? {} : { name }),
          ...{ address, port, transport, state: health.isDown(now) ? 'down' : 'up', lost: health.lost },
          ...(trouble === undefined ? {} : { trouble }),
        }
      }),
      names: this.#names.states(trunk),
      registration: registration?.state ?? null,
    }))
  }

  /** The switch stops: registrations stay, since the next one goes on with them. */
  close(): void {
    for (const watched of this.#watched.values()) this.#rest(watched, { leave: false })
    this.#watched.clear()
    this.#names.close()
  }

  /** All servers of a trunk, in the order of its configuration. */
  #servers(trunk: TrunkConfig): readonly GatewayServer[] {
    const watched = this.#watched.get(trunk.id)
    return watched?.trunk === trunk ? watched.servers : this.#find(trunk)
  }

  #find(trunk: TrunkConfig): GatewayServer[] {
    return trunk.gateways.flatMap((gateway) =>
      this.#deps.locations
        .targetsOf(trunk.id, gateway)
        .flatMap(({ addresses, ...target }) => addresses.map((address) => ({ gateway, address, ...target }))),
    )
  }

  /** A name leads elsewhere: OPTIONS and registration go there as calls do (PITFALLS S37). */
  #moved({ id }: TrunkConfig): void {
    const watched = this.#watched.get(id)
    if (!watched) return
    watched.servers = this.#find(watched.trunk)
    this.#forget()
    const { servers } = watched
    const keys = new Set(servers.map(serverKey))
    for (const [key, timer] of watched.timers) {
      if (keys.has(key)) continue
      timer.cancel()
      watched.timers.delete(key)
    }
    for (const server of servers) if (!watched.timers.has(serverKey(server))) this.#askLater(watched, server, this.#deps.random())
    watched.registration?.moved(servers)
  }

  /** Of servers that are nobody's any more nothing is kept. */
  #forget(): void {
    const keys = new Set([...this.#watched.values()].flatMap(({ servers }) => servers.map(serverKey)))
    for (const key of this.#health.keys()) if (!keys.has(key)) this.#health.delete(key)
  }

  #watch(trunk: TrunkConfig): void {
    const known = this.#watched.get(trunk.id)
    const watched: Watched = known ?? { trunk, registration: null, servers: [], timers: new Map() }
    watched.trunk = trunk
    watched.servers = this.#find(trunk)
    this.#watched.set(trunk.id, watched)
    if (trunk.registerSeconds === undefined || !trunk.credentials) {
      watched.registration?.close({ leave: true })
      watched.registration = null
    } else if (watched.registration) watched.registration.change(trunk)
    else watched.registration = new TrunkRegistration(this.#deps, this, trunk)
    for (const timer of watched.timers.values()) timer.cancel()
    watched.timers.clear()
    for (const server of watched.servers) this.#askLater(watched, server, this.#deps.random())
  }

  /** In one interval, or in this share of it: not all servers of the node at once. */
  #askLater(watched: Watched, server: GatewayServer, share: number): void {
    const { optionsSeconds } = watched.trunk
    if (optionsSeconds === undefined) return
    const health = this.#healthOf(server)
    const whole = health.lost > 0 ? Math.min(OPTIONS_MS, optionsSeconds * 1000) : optionsSeconds * 1000
    this.#askIn(watched, server, whole * share)
  }

  #askIn(watched: Watched, server: GatewayServer, ms: number): void {
    watched.timers.get(serverKey(server))?.cancel()
    watched.timers.set(
      serverKey(server),
      this.#deps.clock.after(ms, () => void this.#ask(watched, server)),
    )
  }

  async #ask(watched: Watched, server: GatewayServer): Promise<void> {
    const timer = watched.timers.get(serverKey(server))
    const health = this.#healthOf(server)
    const before = health.isDown(this.#deps.clock.now())
    try {
      await this.#options(watched.trunk, server)
      health.answered()
    } catch {
      health.optionsLost()
    }
    const after = health.isDown(this.#deps.clock.now())
    const about = { trunk: watched.trunk.name, gateway: serverKey(server) }
    if (before && !after) this.#deps.log.info(about, 'a gateway is back')
    if (!before && after) this.#deps.log.warn(about, 'a gateway answers no OPTIONS any more')
    // Another publication may have laid down its own next question meanwhile.
    if (watched.timers.get(serverKey(server)) === timer) this.#askLater(watched, server, 1)
  }

  async #options(trunk: TrunkConfig, server: GatewayServer): Promise<void> {
    const node = this.#deps.node()
    const uri = serverUri(server)
    const ours = formatUri({ user: 'tieline', host: node?.local.address ?? '0.0.0.0' })
    await node?.agent.request({
      method: 'OPTIONS',
      uri,
      to: serverHop(trunk, server),
      from: `<${ours}>`,
      toHeader: `<${uri}>`,
      silenceMs: OPTIONS_MS,
    })
  }

  #rest(watched: Watched, how: { leave: boolean }): void {
    watched.registration?.close(how)
    for (const timer of watched.timers.values()) timer.cancel()
    watched.timers.clear()
  }

  #healthOf(server: Pick<GatewayServer, 'transport' | 'address' | 'port'>): GatewayHealth {
    const key = serverKey(server)
    let health = this.#health.get(key)
    if (!health) {
      health = new GatewayHealth()
      this.#health.set(key, health)
    }
    return health
  }
}
