import { isIP } from 'node:net'
import type { Id, Log } from '#lib/index.ts'
import {
  addressesOf,
  type ChannelPlan,
  namespacePath,
  type Receiver,
  type SocketRequest,
  type Sockets,
} from '#platform/channel/index.ts'
import type { IpFamily, PlatformConfig, Realm } from '#platform/words/index.ts'

export interface RealmsOptions {
  sockets: Sockets
  log: Log
  /** The trunk side, in the node's own namespace. */
  sip: PlatformConfig['sip']
  media: { address: string }
  siteSipPort: number
  /** The switch while it runs. */
  theSwitch(): Receiver | null
  /** Every voice process that runs. */
  voices(): Receiver[]
}

interface RealmPlace {
  namespace: string | null
  /** At most one of each family; the first is where whoever does not say is served. */
  addresses: readonly string[]
}

/** The sockets of each realm: opened when its namespace stands, handed to whoever reads them, gone before it goes. */
export class Realms {
  readonly #options: RealmsOptions
  readonly #places = new Map<Realm, RealmPlace>()

  constructor(options: RealmsOptions) {
    this.#options = options
  }

  /** Opens the trunk side's SIP sockets: UDP, TCP, and TLS where it is configured. Throws `port-taken`. */
  openNode(): void {
    const { sockets, sip, media } = this.#options
    const { address, port, tls } = sip
    const request = { realm: 'node', namespace: null, address } as const
    sockets.hold({ ...request, purpose: 'sip', port })
    sockets.hold({ ...request, purpose: 'sip-tcp', port })
    if (tls) sockets.hold({ ...request, purpose: 'sip-tls', port: tls.port })
    this.#places.set('node', { namespace: null, addresses: [media.address] })
  }

  /** Opens what the platform needs in a namespace that has been made, or made anew. */
  open(plan: ChannelPlan): void {
    if (this.#places.has(plan.subscriber)) this.close(plan.subscriber)
    const place = { namespace: namespacePath(plan.namespace), addresses: addressesOf(plan) }
    this.#places.set(plan.subscriber, place)
    for (const address of place.addresses) this.#hold(plan.subscriber, place, address)
  }

  /** The same namespace has other addresses: what is bound to one that is gone goes, and for a new one the same is opened. */
  readdress(plan: ChannelPlan): void {
    const { sockets, theSwitch, voices } = this.#options
    const before = this.#places.get(plan.subscriber)
    if (!before) return
    const place = { ...before, addresses: addressesOf(plan) }
    this.#places.set(plan.subscriber, place)
    const receiver = theSwitch()
    for (const address of before.addresses)
      if (!place.addresses.includes(address))
        sockets.releaseAddress(plan.subscriber, address, receiver ? [receiver, ...voices()] : voices())
    for (const address of place.addresses) if (!before.addresses.includes(address)) this.#hold(plan.subscriber, place, address)
  }

  #hold(realm: Id<'sub'>, { namespace }: RealmPlace, address: string): void {
    const { sockets, log, siteSipPort } = this.#options
    const request = { realm, namespace, address }
    const wanted: SocketRequest[] = [
      { ...request, purpose: 'sip', port: siteSipPort },
      { ...request, purpose: 'sip-tcp', port: siteSipPort },
      { ...request, purpose: 'sip-tls', port: siteSipPort + 1 },
      { ...request, purpose: 'dns', port: 0 },
    ]
    for (const each of wanted) {
      try {
        this.#give(sockets.hold(each).id)
      } catch (error) {
        log.error({ subscriber: realm, purpose: each.purpose, error: (error as Error).message }, 'a socket could not be opened')
      }
    }
  }

  close(subscriber: Id<'sub'>): void {
    const { sockets, theSwitch, voices } = this.#options
    if (!this.#places.delete(subscriber)) return
    const receiver = theSwitch()
    sockets.release(subscriber, receiver ? [receiver, ...voices()] : voices())
  }

  /** Hands every listening socket to a switch that has just been started. */
  welcome(): void {
    for (const { id } of this.#options.sockets.held) this.#give(id)
  }

  /** Opens an RTP socket for a voice process; null where the realm has no such address. Rejects with `port-taken`. */
  async openMedia({ realm, port, family }: { realm: Realm; port: number; family?: IpFamily }, receiver: Receiver) {
    const place = this.#at(realm, family)
    return place && this.#options.sockets.open({ realm, ...place, purpose: 'rtp', port }, receiver)
  }

  /** Opens a TCP socket for one connection of the switch. False where the realm has no such address. */
  async openStream({ realm, id, family }: { realm: Realm; id: string; family?: IpFamily }, receiver: Receiver): Promise<boolean> {
    const place = this.#at(realm, family)
    if (!place) return false
    await this.#options.sockets.open({ realm, ...place, purpose: 'sip-out', port: 0 }, receiver, id)
    return true
  }

  #at(realm: Realm, family: IpFamily | undefined): { namespace: string | null; address: string } | null {
    const place = this.#places.get(realm)
    const address = place?.addresses.find((own) => family === undefined || isIP(own) === family)
    return place && address !== undefined ? { namespace: place.namespace, address } : null
  }

  #give(id: string): void {
    const receiver = this.#options.theSwitch()
    if (!receiver) return // it gets all of them when it starts
    this.#options.sockets.handOver(id, receiver).catch((error) => {
      this.#options.log.warn({ error: (error as Error).message }, 'a socket could not be handed over')
    })
  }
}
