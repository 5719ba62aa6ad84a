import type { Clock, Id, Log } from '#lib/index.ts'
import type { ChannelStatus, Sealed } from '#platform/words/index.ts'
import type { DeviceConfig } from '#protocol/wireguard/index.ts'
import { addressInterface, createNamespace, fingerprint, loadRules, removeNamespace } from './namespace.ts'
import { type ProbeAccount, pinger, widthOf } from './ping.ts'
import { type ChannelPlan, leastMtu } from './plan.ts'
import { channelState } from './state.ts'
import type { OpenTunnel, Tunnel } from './tunnel.ts'

/** Where each site was seen last, `address:port`: a tunnel that is made again calls there instead of waiting to be called. */
export interface SiteEndpoints {
  get(subscriber: Id<'sub'>): string | undefined
  /** Null forgets it. */
  set(subscriber: Id<'sub'>, endpoint: string | null): void
}

export interface ChannelParts {
  clock: Clock
  log: Log
  openTunnel: OpenTunnel
  /** Opens a sealed secret: WireGuard's keys, base64. */
  unseal(sealed: Sealed): string
  endpoints: SiteEndpoints
  /** Its group alone may ping inside. */
  account: ProbeAccount
  onStatus(status: ChannelStatus): void
  /** The tunnel has died by itself. */
  onDeath(): void
}

/** Ms between two attempts to let a site that is silent begin anew. */
const REVIVE_MS = 60_000

/** One subscriber's namespace and tunnel as they are in the kernel. Its methods are called one after the other. */
export class Channel {
  readonly #parts: ChannelParts
  #plan: ChannelPlan
  #tunnel: Tunnel | null = null
  #fault: string | null = 'the channel has not been made yet'
  #status: ChannelStatus
  #print = ''
  /** The last handshake: by WireGuard's clock, which may be set, and when we first saw it, monotonic ms. */
  #handshake: { wall: number; seen: number } | null = null
  #revivedAt = Number.NEGATIVE_INFINITY
  /** What the way to the site was found to carry whole, at most what is planned. */
  #mtu: number
  /** Where the site was when that was found, and whether it is being looked for. */
  #fittedTo: string | null = null
  #fitting = false

  constructor(plan: ChannelPlan, parts: ChannelParts) {
    this.#parts = parts
    this.#plan = plan
    this.#mtu = plan.mtu
    this.#status = {
      subscriber: plan.subscriber,
      state: 'down',
      reason: this.#fault ?? '',
      handshakeAgeSeconds: null,
      receivedBytes: 0,
      sentBytes: 0,
      mtu: plan.mtu,
    }
  }

  get plan(): ChannelPlan {
    return this.#plan
  }

  get status(): ChannelStatus {
    return this.#status
  }

  /** Whether namespace and tunnel stand as planned. */
  get stands(): boolean {
    return this.#fault === null
  }

  /** Makes all anew. A failure is kept as the reason of state `down`, and thrown. */
  async make(): Promise<void> {
    await this.#attempt(async () => {
      await this.#closeTunnel()
      await createNamespace(this.#plan, this.#parts.account.gid)
      await this.#makeTunnel()
    })
  }

  /** Goes over to another plan of the same identity without taking anything away that may stay. */
  async change(plan: ChannelPlan): Promise<void> {
    const before = this.#plan
    this.#plan = plan
    if (plan.mtu !== before.mtu) this.#fitTo(plan.mtu, null)
    if (!this.stands) return this.make()
    await this.#attempt(async () => {
      if (plan.rules !== before.rules) await loadRules(plan)
      if (JSON.stringify(plan.tunnel) !== JSON.stringify(before.tunnel)) {
        await this.#tunnel?.configure(this.#device())
        this.#handshake = null
      } else if (String(plan.destinations) !== String(before.destinations)) {
        const { peerPublicKey: publicKey } = plan.tunnel
        await this.#tunnel?.reroute({ publicKey, before: before.destinations, allowedIps: plan.destinations })
      }
      await addressInterface(plan, this.#mtu)
      this.#print = await fingerprint(plan)
    })
  }

  /** Compares with the kernel and repairs: first what is inside, then, if that is not enough, all. */
  async verify(): Promise<'intact' | 'repaired' | 'remade'> {
    if (!this.stands) {
      await this.make()
      return 'remade'
    }
    if (this.#fitting || (await this.#look()) === this.#print) return 'intact'
    this.#parts.log.warn({ subscriber: this.#plan.subscriber }, 'a namespace is not as it was made')
    try {
      await loadRules(this.#plan)
      await addressInterface(this.#plan, this.#mtu)
    } catch {}
    if ((await this.#look()) === this.#print) return 'repaired'
    await this.make()
    return 'remade'
  }

  /** Asks WireGuard, and reports a change of state. */
  async poll(): Promise<void> {
    if (!this.#tunnel || this.#fault !== null) return
    try {
      const { peers } = await this.#tunnel.status()
      const peer = peers.find((p) => p.publicKey === this.#plan.tunnel.peerPublicKey) ?? null
      if (peer?.latestHandshake && peer.endpoint) this.#parts.endpoints.set(this.#plan.subscriber, peer.endpoint)
      const silent = peer?.receivedBytes === this.#status.receivedBytes
      this.#observe(peer)
      if (silent && this.#status.state === 'stale') await this.#revive()
      if (this.#status.state !== 'up') this.#fittedTo = null
      else if (peer?.endpoint) void this.#fit(peer.endpoint)
    } catch (error) {
      if (this.#fault !== null) return // it was taken away meanwhile
      this.#fail(`WireGuard does not answer: ${(error as Error).message}`)
      this.#parts.onDeath()
    }
  }

  /** Takes tunnel and namespace away and says `removed`. Idempotent. */
  async remove(): Promise<void> {
    this.#fault = 'the channel has been removed'
    await this.#closeTunnel()
    await removeNamespace(this.#plan.namespace)
    if (this.#status.state !== 'removed') this.#report({ ...this.#status, state: 'removed', reason: this.#fault })
  }

  /**
   * Makes WireGuard forget the site and know it again. A handshake must bear a later time than the one before it (TAI64N,
   * WireGuard paper §5.4.2), so that a site whose clock was set back would be refused until its old time is reached
   * (PITFALLS T06); of a site that it has just been told of, it takes any time. And it calls the site where it was last.
   */
  async #revive(): Promise<void> {
    const now = this.#parts.clock.now()
    if (now - this.#revivedAt < REVIVE_MS) return
    this.#revivedAt = now
    await this.#tunnel?.configure(this.#device())
    // Whatever it tells of next is another one, also in the same second.
    if (this.#handshake) this.#handshake.wall = 0
  }

  /**
   * Finds out what the way to where the site is now carries whole, and makes the interface no wider: a packet that is too
   * large for it would be lost without a word where routers drop ICMP (PITFALLS T03). A gateway that answers no ping leaves
   * it as it was.
   */
  async #fit(endpoint: string): Promise<void> {
    if (this.#fitting || endpoint === this.#fittedTo) return
    const { namespace, peerAddress, mtu: planned, subscriber } = this.#plan
    const { account, log } = this.#parts
    this.#fitting = true
    this.#fittedTo = endpoint
    try {
      const before = this.#mtu
      if (before !== planned) await addressInterface(this.#plan, planned)
      const width = (await widthOf(pinger(namespace, account), peerAddress, planned)) ?? before
      const mtu = Math.max(width, leastMtu(this.#plan))
      if (this.#plan.mtu !== planned || !this.stands) return
      await addressInterface(this.#plan, mtu)
      this.#print = await fingerprint(this.#plan)
      this.#fitTo(mtu, endpoint)
      if (mtu !== before) log.info({ subscriber, mtu, planned, endpoint }, 'a channel is as wide as the way to its site')
    } catch (error) {
      if (this.stands) log.warn({ subscriber, error: (error as Error).message }, 'the way to a site could not be measured')
    } finally {
      this.#fitting = false
    }
  }

  #fitTo(mtu: number, endpoint: string | null): void {
    this.#mtu = mtu
    this.#fittedTo = endpoint
    this.#status = { ...this.#status, mtu }
  }

  async #makeTunnel(): Promise<void> {
    const plan = this.#plan
    this.#handshake = null
    this.#fitTo(plan.mtu, null)
    const { interface: device, namespace, mtu } = plan
    const tunnel = await this.#parts.openTunnel({ interface: device, namespace, mtu, device: this.#device() })
    this.#tunnel = tunnel
    void tunnel.died.then((reason) => {
      if (this.#tunnel !== tunnel) return
      this.#fail(reason)
      this.#parts.onDeath()
    })
    await addressInterface(plan, this.#mtu)
    this.#print = await fingerprint(plan)
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#fail((error as Error).message)
      throw error
    }
    this.#fault = null
    this.#observe(null)
    await this.poll()
  }

  async #look(): Promise<string> {
    try {
      return await fingerprint(this.#plan)
    } catch (error) {
      return `gone: ${(error as Error).message}`
    }
  }

  async #closeTunnel(): Promise<void> {
    const tunnel = this.#tunnel
    this.#tunnel = null
    await tunnel?.close()
  }

  #device(): DeviceConfig {
    const { tunnel, destinations, subscriber, keepaliveSeconds } = this.#plan
    const endpoint = this.#parts.endpoints.get(subscriber)
    return {
      privateKey: this.#parts.unseal(tunnel.privateKey),
      listenPort: tunnel.listenPort,
      peers: [
        {
          publicKey: tunnel.peerPublicKey,
          presharedKey: this.#parts.unseal(tunnel.presharedKey),
          allowedIps: destinations,
          // Ours calls the site as soon as it is made: a site that knows nothing of a restart would wait up to 120 s
          // (REKEY_AFTER_TIME) before it makes a new handshake.
          keepaliveSeconds,
          ...(endpoint ? { endpoint } : {}),
        },
      ],
    }
  }

  #fail(reason: string): void {
    this.#fault = reason
    this.#observe(null)
  }

  #observe(peer: Parameters<typeof channelState>[0]['peer']): void {
    const now = this.#parts.clock.now()
    const wall = peer?.latestHandshake
    if (wall && wall !== this.#handshake?.wall) this.#handshake = { wall, seen: now }
    const ageSeconds = this.#handshake ? (now - this.#handshake.seen) / 1000 : null
    const { state, reason, age } = channelState({ fault: this.#fault, peer, ageSeconds })
    this.#report({
      subscriber: this.#plan.subscriber,
      state,
      reason,
      handshakeAgeSeconds: age,
      receivedBytes: peer?.receivedBytes ?? 0,
      sentBytes: peer?.sentBytes ?? 0,
      mtu: this.#mtu,
    })
  }

  #report(status: ChannelStatus): void {
    const changed = status.state !== this.#status.state || status.reason !== this.#status.reason
    this.#status = status
    if (changed) this.#parts.onStatus(status)
  }
}
