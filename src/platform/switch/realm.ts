import { connect, isIPv6, Socket as NetSocket, Server } from 'node:net'
import { type Clock, type Id, type Log, token } from '#lib/index.ts'
import type { ChannelConfig, Realm, SeenMessage, SocketHandover } from '#platform/words/index.ts'
import type { Ask } from '#protocol/dns/index.ts'
import {
  type Credentials,
  createUserAgent,
  type Hop,
  type IncomingInvite,
  type IncomingRequest,
  type IncomingSubscribe,
  type LocalPlace,
  type RequestLoad,
  type RequestRefusal,
  SipRequest,
  type UserAgent,
} from '#protocol/sip/index.ts'
import { Connections, type Streams } from './connections.ts'
import type { MessageCount } from './count.ts'
import { DatagramSocket, type Datagrams } from './datagram-socket.ts'
import { HeldSockets } from './held-socket.ts'
import type { Outbox } from './outbox.ts'
import { SipNames } from './sip-names.ts'
import { SiteDns } from './site-dns.ts'
import { seenIn, seenOut } from './watch.ts'

/** Ms that a request inside a dialog waits for the name that it goes to. */
const NAME_MS = 1000

/** Where the switch stands in one realm, and where it does by the other family of IP. */
export interface RealmPlaces {
  local: LocalPlace
  other?: LocalPlace | undefined
}

/** Where the switch stands in a site's namespace. */
export function placesIn({ address, ipv6 }: Pick<ChannelConfig, 'address' | 'ipv6'>, siteSipPort: number): RealmPlaces {
  const local = placeAt(address, siteSipPort)
  return ipv6 ? { local, other: placeAt(ipv6.address, siteSipPort) } : { local }
}

function placeAt(address: string, siteSipPort: number): LocalPlace {
  return { address, port: siteSipPort, tlsPort: siteSipPort + 1 }
}

/** Where the switch stands in one realm: a SIP socket with its user agent, and where the names of its DNS lead. */
export interface SwitchRealm {
  readonly realm: Realm
  /** Where the switch stands for whoever does not say more. */
  readonly local: LocalPlace
  /** Our addresses in it. */
  readonly addresses: readonly string[]
  /** Where the switch stands for a far end there: by its family of IP, if the realm has that. */
  localFor(there: string): LocalPlace
  readonly agent: UserAgent
  readonly names: SipNames
  /** Of a site; the node's own realm has another. */
  readonly siteDns: SiteDns
  /** Why no connection to there can be had, as a clause about whoever is there; undefined where that is not so. */
  trouble(hop: Hop): string | undefined
}

export interface RealmsOptions {
  clock: Clock
  log: Log
  outbox: Outbox
  datagrams: Datagrams
  /** Whether a datagram from there is looked at; strangers are counted by whoever answers. */
  accepts(realm: Realm, from: Hop, bytes?: Uint8Array): boolean
  /** Whether another address than a dialog's own may speak inside it. */
  belongs(realm: Realm, source: Hop, hop: Hop): boolean
  /** Whether a far end at `like` may lead what we send inside its dialog there. */
  reaches(realm: Realm, to: Hop, like: Hop): boolean
  /** Whether a new request is too much at the moment. */
  refuses(realm: Realm, request: SipRequest, source: Hop, load: RequestLoad): RequestRefusal | 'silence' | null
  /** With what a challenge of this hop is answered. */
  credentials(realm: Realm, hop: Hop): Credentials | undefined
  /** Whether anything is ever sent to this address. */
  usable(realm: Realm, address: string): boolean
  count: MessageCount
  /** Shown each SIP message as it comes, and as it is about to leave. */
  onMessage(seen: SeenMessage): void
  onInvite(realm: Realm, invite: IncomingInvite): void
  onRequest(realm: Realm, request: IncomingRequest): void
  /** In a site; on the trunk side there is nothing to subscribe to. */
  onSubscribe(subscriber: Id<'sub'>, subscribe: IncomingSubscribe): void
  /** A connection that was bound is lost. */
  onUnbound(realm: Realm, flow: string): void
  streams: Streams
  /** The DNS of the node's own namespace. */
  ask: Ask
  /** 0 to 1. */
  random: () => number
  timers?: { t1?: number; t2?: number; t4?: number }
}

interface RealmParts extends SwitchRealm {
  places: RealmPlaces
  sip: HeldSockets
  dns: HeldSockets
  connections: Connections
}

/** All realms of the switch: the node's own, and one for each subscriber's namespace. */
export class Realms {
  readonly #options: RealmsOptions
  readonly #realms = new Map<Realm, RealmParts>()
  #repeatsOfGone = 0
  /** DNS sockets that came before the SIP socket of their realm. */
  readonly #early = new Map<Realm, { address: string; socket: DatagramSocket }[]>()
  /** Connections that wait for the socket which host opens for them. */
  readonly #awaited = new Map<string, (socket: NetSocket) => void>()

  constructor(options: RealmsOptions) {
    this.#options = options
  }

  get(realm: Realm): SwitchRealm | undefined {
    return this.#realms.get(realm)
  }

  /** The realm, made where it is not there yet, with the places that it has now. Its sockets may still be on their way. */
  ensure(realm: Realm, places: RealmPlaces): SwitchRealm {
    const known = this.#realms.get(realm)
    if (known) {
      known.places = { ...known.places, other: places.other }
      return known
    }
    const { clock, outbox, ask, random, accepts, belongs, refuses, count, onMessage, onInvite, onRequest, timers } = this.#options
    const log = this.#options.log.child(realm === 'node' ? { realm } : { subscriber: realm })
    const { local } = places
    const localFor = (there: string) => {
      const { other } = made.places
      return other && there.includes(':') === other.address.includes(':') ? other : local
    }
    const sip = new HeldSockets(outbox, log, (bytes, from) => agent.receive(bytes, from))
    const agent = createUserAgent({
      clock,
      log,
      transport: {
        local,
        get other() {
          return made.places.other
        },
        send(message, to) {
          const from = localFor(to.address)
          const { bytes } = message
          onMessage(seenOut(realm, from, message, bytes, to))
          count.left(message.is, message.sent++ > 0)
          if (to.transport === 'udp') sip.at(from.address).send(bytes, to)
          // Behind the journal's write, as everything that leaves.
          else outbox.post({ send: () => connections.send(bytes, to) })
        },
        suspect: (hop) => connections.suspect(hop),
      },
      observe(message, bytes, from) {
        count.came(message instanceof SipRequest ? message.method : message.status)
        const seen = seenIn(realm, localFor(from.address), message, bytes, from)
        if (seen) onMessage(seen)
      },
      accepts: (from, bytes) => accepts(realm, from, bytes),
      credentials: (hop) => this.#options.credentials(realm, hop),
      belongs: (source, hop) => belongs(realm, source, hop),
      reaches: (to, like) => this.#options.reaches(realm, to, like) && to.address !== localFor(to.address).address,
      locate: (wanted, like) => names.servers(wanted, { from: [localFor(like.address).address], patienceMs: NAME_MS }),
      silent: (hop) => names.silent(hop),
      refuses: (request, source, load) => refuses(realm, request, source, load),
      onInvite: (invite) => onInvite(realm, invite),
      onRequest: (request) => onRequest(realm, request),
      ...(realm === 'node' ? {} : { onSubscribe: (subscribe) => this.#options.onSubscribe(realm, subscribe) }),
      ...(timers ? { timers } : {}),
    })
    const connections = this.#connections(realm, local, log, () => agent)
    const dns = new HeldSockets(outbox, log, (bytes, from) => siteDns.receive(bytes, from))
    const siteDns = new SiteDns({
      clock,
      send: (bytes, to) => dns.at(localFor(to.address).address).send(bytes, to),
      connect: (to) => this.#connectInside(realm, to),
    })
    const usable = (address: string) => this.#options.usable(realm, address)
    const names = new SipNames({ clock, random, usable, ask: realm === 'node' ? ask : siteDns.ask })
    const made: RealmParts = {
      ...{ realm, local, places, localFor, agent, names, sip, dns, siteDns, connections },
      trouble: (hop) => connections.trouble(hop),
      get addresses() {
        const { other } = this.places
        return other ? [local.address, other.address] : [local.address]
      },
    }
    this.#realms.set(realm, made)
    for (const { address, socket } of this.#early.get(realm) ?? []) dns.at(address).take(socket)
    this.#early.delete(realm)
    return made
  }

  /** Says which servers tell the names of a site. */
  resolves(realm: Realm, dns: { servers: readonly string[]; search?: string } | null): void {
    this.#realms.get(realm)?.siteDns.configure(dns)
  }

  /** The connections of a realm: the switch connects by itself in its own namespace, by a socket of host's in another. */
  #connections(realm: Realm, local: LocalPlace, log: Log, agent: () => UserAgent): Connections {
    const { clock, accepts, streams } = this.#options
    return new Connections({
      clock,
      log,
      connect: ({ address: host, port }) =>
        realm === 'node' ? connect({ host, port, localAddress: local.address }) : this.#connectInside(realm, { host, port }),
      secure: (socket, to) => streams.secure(realm, socket, to),
      tlsServer: (from) => streams.tlsServer(realm, from),
      profileOf: (address) => streams.profileOf(realm, address),
      accepts: (from) => accepts(realm, from),
      receive: (bytes, from) => agent().receive(bytes, from),
      lost: (hop, how) => agent().lost(hop, how),
      unbound: (flow) => this.#options.onUnbound(realm, flow),
    })
  }

  /** Who opened this connection is called by it from now on, and by nothing else. */
  bind(realm: Realm, flow: string): void {
    this.#realms.get(realm)?.connections.bind(flow)
  }

  #connectInside(realm: Realm, to: { host: string; port: number }): Promise<NetSocket> {
    const id = token()
    // From the realm's first address, unless only the other one is of the family that is gone to.
    const other = this.#realms.get(realm)?.places.other
    const family = other && to.host.includes(':') === other.address.includes(':') ? (isIPv6(to.host) ? 6 : 4) : undefined
    return new Promise((resolve, reject) => {
      this.#awaited.set(id, (socket) => resolve(socket.connect(to)))
      this.#options.streams.open(realm, id, family).catch((error: unknown) => {
        this.#awaited.delete(id)
        reject(error)
      })
    })
  }

  /** Takes a socket that host has handed over: Node's own handle of it, which nobody has read from yet. */
  adopt({ id, realm, purpose, address, port }: SocketHandover['socket'], handle: unknown): void {
    switch (purpose) {
      case 'sip':
        this.#adoptSip(realm, address, port, this.#datagrams(handle, address))
        return
      case 'dns':
        this.#adoptDns(realm, address, this.#datagrams(handle, address))
        return
      case 'sip-tcp':
        this.#adoptListener(realm, 'tcp', handle)
        return
      case 'sip-tls':
        this.#adoptListener(realm, 'tls', handle)
        return
      case 'sip-out':
        this.#adoptStream(id, handle as object)
        return
      case 'rtp':
        this.#datagrams(handle, address).close()
    }
  }

  #datagrams(handle: unknown, address: string): DatagramSocket {
    return new DatagramSocket(handle, address, this.#options.datagrams)
  }

  #adoptSip(realm: Realm, address: string, port: number, socket: DatagramSocket): void {
    const here = realm === 'node' ? { address, port } : placeAt(address, port)
    const known = this.#realms.get(realm)
    const parts = known ?? (this.ensure(realm, { local: here }) as RealmParts)
    // What says where the realm stands may come behind the sockets.
    const { local, other } = parts.places
    if (!other && address !== local.address) parts.places = { local, other: here }
    parts.sip.at(address).take(socket)
  }

  /** Host hands a realm's sockets over in their order: that of datagrams, which makes the realm, is the first. */
  #adoptListener(realm: Realm, transport: 'tcp' | 'tls', handle: unknown): void {
    const parts = this.#realms.get(realm)
    const server = new Server()
    if (!parts) return
    parts.connections.listen(server, transport)
    server.listen(handle as object)
  }

  /** It connects within this turn: the loop must not look at a socket that is neither listening nor on its way. */
  #adoptStream(id: string, handle: object): void {
    const socket = new NetSocket({ handle, manualStart: true } as object)
    socket.on('error', () => {})
    const wanted = this.#awaited.get(id)
    this.#awaited.delete(id)
    if (wanted) wanted(socket)
    else socket.destroy()
  }

  #adoptDns(realm: Realm, address: string, socket: DatagramSocket): void {
    const parts = this.#realms.get(realm)
    if (parts) {
      parts.dns.at(address).take(socket)
      return
    }
    const early = this.#early.get(realm) ?? []
    for (const one of early) if (one.address === address) one.socket.close()
    this.#early.set(realm, [...early.filter((one) => one.address !== address), { address, socket }])
  }

  /** The realm stands at this address no longer: what is bound to it is of no use. */
  addressGone(realm: Realm, address: string): void {
    const parts = this.#realms.get(realm)
    if (!parts || parts.places.local.address === address) return
    parts.sip.at(address).close()
    parts.dns.at(address).close()
    parts.connections.unlisten(address)
    if (parts.places.other?.address === address) parts.places = { local: parts.places.local }
  }

  /** The realm is gone: its user agent forgets all and says nothing. */
  gone(realm: Realm): void {
    for (const { socket } of this.#early.get(realm) ?? []) socket.close()
    this.#early.delete(realm)
    const parts = this.#realms.get(realm)
    if (!parts) return
    this.#realms.delete(realm)
    this.#repeatsOfGone += parts.agent.repeats
    parts.agent.close()
    parts.sip.close()
    parts.dns.close()
    parts.connections.close()
  }

  /** What is alive in all realms, and how often something came again or was dropped. */
  get counts(): { transactions: number; sessions: number; subscriptions: number; repeats: number; dropped: number } {
    const { dropped } = this.#options.outbox
    const sum = { transactions: 0, sessions: 0, subscriptions: 0, repeats: this.#repeatsOfGone, dropped }
    for (const { agent } of this.#realms.values()) {
      sum.transactions += agent.counts.transactions
      sum.sessions += agent.counts.sessions
      sum.subscriptions += agent.counts.subscriptions
      sum.repeats += agent.repeats
    }
    return sum
  }

  close(): void {
    for (const realm of [...this.#realms.keys()]) this.gone(realm)
  }
}
