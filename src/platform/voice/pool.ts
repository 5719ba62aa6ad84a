import { type Clock, type Log, TielineError } from '#lib/index.ts'
import type { IpFamily, Realm } from '#platform/words/index.ts'

/** A bound UDP socket as a bare descriptor. */
export interface RtpSocket {
  fd: number
  address: string
  port: number
}

/** Where ports are: the realm's address of this family, or else its first one. */
export interface PortPlace {
  realm: Realm
  family?: IpFamily
}

/** Sockets for RTP and RTCP on an even port and the odd one after it (RFC 3550 §11). */
export interface PortPair extends PortPlace {
  rtp: RtpSocket
  rtcp: RtpSocket
}

/** Opens a socket in a realm; rejects when the port is taken. */
export interface SocketSource {
  open(place: PortPlace, port: number): Promise<RtpSocket>
}

export interface PoolOptions {
  clock: Clock
  log: Log
  sockets: SocketSource
  ports: { first: number; last: number }
  /** Which of how many voice processes this is: each has pairs of its own in every realm. */
  share: { index: number; of: number }
  /** Throws away what a socket has received, and says how many datagrams that was. */
  drain(fd: number): number
  close(fd: number): void
  /** From 0 to below 1: where in its range a realm begins. Default 0. */
  random?: () => number
  /** How long a pair rests after a call. */
  quarantineMs?: number
}

/** What was used rests, by default, this long. */
const QUARANTINE_MS = 30_000

/** A socket on which somebody still sends after its rest must stay silent for this long. */
const STILL_SENDING_MS = 5000

/** A port that could not be bound is tried again after this. */
const TAKEN_MS = 60_000

/** Ports that are tried for one request. */
const TRIES = 32

/** Pairs that a realm keeps open without use. */
const KEEP_IDLE = 512

interface Resting {
  pair: PortPair
  until: number
}

interface RealmPorts {
  place: PortPlace
  /** Open pairs without a call; the one that rests longest is first. */
  idle: Resting[]
  inUse: Set<PortPair>
  /** First port of pairs that are open, or could not be had until then. */
  unavailable: Map<number, number>
  next: number
}

/**
 * The RTP ports of all realms. A pair is opened when it is first needed and kept open: a warm pool needs nobody. After a
 * call it rests, and is given again only when nobody sends to it any more: no call hears the one before (M13).
 */
export class PortPool {
  readonly #options: PoolOptions
  /** By realm and family. */
  readonly #realms = new Map<string, RealmPorts>()
  #closed = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  get counts(): { inUse: number; quarantined: number; idle: number } {
    const now = this.#options.clock.now()
    const counts = { inUse: 0, quarantined: 0, idle: 0 }
    for (const { idle, inUse } of this.#realms.values()) {
      counts.inUse += inUse.size
      for (const { until } of idle) counts[until > now ? 'quarantined' : 'idle']++
    }
    return counts
  }

  /** Takes a pair; rejects with TielineError `resource-unavailable` when the realm has none. */
  async take(realm: Realm, family?: IpFamily): Promise<PortPair> {
    const place = family === undefined ? { realm } : { realm, family }
    const ports = this.#portsOf(place)
    const pair = this.#reuse(ports) ?? (await this.#open(ports))
    if (this.#closed || this.#realms.get(keyOf(place)) !== ports) {
      this.#closePair(pair)
      throw this.#noPort(ports)
    }
    ports.inUse.add(pair)
    return pair
  }

  /** Gives a pair back. It rests first. */
  give(pair: PortPair): void {
    const ports = this.#realms.get(keyOf(pair))
    if (!ports?.inUse.delete(pair)) {
      this.#closePair(pair)
      return
    }
    const now = this.#options.clock.now()
    ports.idle.push({ pair, until: now + (this.#options.quarantineMs ?? QUARANTINE_MS) })
    const oldest = ports.idle[0]!
    if (ports.idle.length > KEEP_IDLE && oldest.until <= now) this.#forget(ports, oldest)
  }

  /** The realm is no more: closes what rests there. Pairs in use are closed when they are given back. */
  drop(realm: Realm): void {
    this.#drop((ports) => ports.place.realm === realm)
  }

  /** The realm stands at this address no longer: the same for what is bound to it. */
  dropAddress(realm: Realm, address: string): void {
    const boundTo = ({ idle, inUse }: RealmPorts) => [...inUse, ...idle.map(({ pair }) => pair)][0]?.rtp.address
    this.#drop((ports) => ports.place.realm === realm && boundTo(ports) === address)
  }

  close(): void {
    this.#closed = true
    this.#drop(() => true)
  }

  #drop(isGone: (ports: RealmPorts) => boolean): void {
    for (const [key, ports] of this.#realms) {
      if (!isGone(ports)) continue
      this.#realms.delete(key)
      for (const { pair } of ports.idle) this.#closePair(pair)
    }
  }

  #portsOf(place: PortPlace): RealmPorts {
    let ports = this.#realms.get(keyOf(place))
    if (!ports) {
      ports = { place, idle: [], inUse: new Set(), unavailable: new Map(), next: this.#begin() }
      this.#realms.set(keyOf(place), ports)
    }
    return ports
  }

  /**
   * A process that takes the place of one that died knows nothing of its ports, to which far ends may still send (M13): it
   * begins somewhere else.
   */
  #begin(): number {
    const { share, random } = this.#options
    return this.#first + 2 * share.of * Math.floor((random?.() ?? 0) * Math.max(1, this.#most))
  }

  get #first(): number {
    return firstPair(this.#options.ports.first) + 2 * this.#options.share.index
  }

  /** Pairs of ours in each realm. */
  get #most(): number {
    const { ports, share } = this.#options
    return Math.floor((ports.last - this.#first - 1) / (2 * share.of)) + 1
  }

  /** What rests, is just being opened, or is somebody else's, is not to be had either. */
  #noPort({ place: { realm }, unavailable }: RealmPorts, cause?: unknown): TielineError {
    const now = this.#options.clock.now()
    const inUse = [...unavailable.values()].filter((until) => until > now).length
    return new TielineError(
      'No RTP port can be had in this realm.',
      { code: 'resource-unavailable', fault: 'system', retry: true, http: 503, sip: 503, q850: 44 },
      { kind: 'voice.port', realm, limit: this.#most, inUse },
      { cause },
    )
  }

  #reuse(ports: RealmPorts): PortPair | undefined {
    const now = this.#options.clock.now()
    for (const resting of [...ports.idle]) {
      if (resting.until > now) continue
      const { pair } = resting
      ports.idle.splice(ports.idle.indexOf(resting), 1)
      const strays = this.#options.drain(pair.rtp.fd) + this.#options.drain(pair.rtcp.fd)
      if (strays === 0) return pair
      this.#options.log.info({ realm: pair.realm, port: pair.rtp.port, strays }, 'somebody still sends to a port that is free')
      ports.idle.push({ pair, until: now + STILL_SENDING_MS })
    }
    return undefined
  }

  async #open(ports: RealmPorts): Promise<PortPair> {
    let failure: unknown
    for (let tries = 0; tries < TRIES; tries++) {
      const port = this.#nextPort(ports)
      if (port === undefined) break
      ports.unavailable.set(port, Number.POSITIVE_INFINITY)
      try {
        return await this.#openPair(ports.place, port)
      } catch (error) {
        failure = error
        ports.unavailable.set(port, this.#options.clock.now() + TAKEN_MS)
      }
    }
    throw this.#noPort(ports, failure)
  }

  async #openPair(place: PortPlace, port: number): Promise<PortPair> {
    const { sockets } = this.#options
    const rtp = await sockets.open(place, port)
    try {
      return { ...place, rtp, rtcp: await sockets.open(place, port + 1) }
    } catch (error) {
      this.#options.close(rtp.fd)
      throw error
    }
  }

  /** The next first port of a pair that is ours and not open. */
  #nextPort(ports: RealmPorts): number | undefined {
    const { ports: range, share, clock } = this.#options
    const first = this.#first
    const step = 2 * share.of
    for (let i = Math.ceil((range.last - first) / step); i >= 0; i--) {
      const port = ports.next + 1 <= range.last ? ports.next : first
      ports.next = port + step
      if (port + 1 <= range.last && (ports.unavailable.get(port) ?? 0) <= clock.now()) return port
    }
    return undefined
  }

  #forget(ports: RealmPorts, resting: Resting): void {
    ports.idle.splice(ports.idle.indexOf(resting), 1)
    ports.unavailable.delete(resting.pair.rtp.port)
    this.#closePair(resting.pair)
  }

  #closePair(pair: PortPair): void {
    this.#options.close(pair.rtp.fd)
    this.#options.close(pair.rtcp.fd)
  }
}

function keyOf({ realm, family = '' }: { realm: Realm; family?: IpFamily | '' }): string {
  return `${realm} ${family}`
}

function firstPair(port: number): number {
  return port + (port & 1)
}
