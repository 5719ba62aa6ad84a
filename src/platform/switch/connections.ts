import type { Server as NetServer, Socket } from 'node:net'
import type { Server as TlsServer } from 'node:tls'
import type { Clock, Log, Timer } from '#lib/index.ts'
import type { IpFamily, Realm } from '#platform/words/index.ts'
import type { Hop } from '#protocol/sip/index.ts'
import { Connection } from './connection.ts'
import { troubleOf } from './trouble.ts'

/** Connections at once from one source, and in all of a realm (PITFALLS R07). */
const PER_SOURCE = 64
const PER_REALM = 8192

const SWEEP_MS = 2000
/** Ms for a first whole message, and for a message that has begun. */
const PATIENCE_MS = 10_000
/** Ms to be established. */
const CONNECT_MS = 5000
const IDLE_MS = 3_600_000
/** Peers of whom it is kept why there is no connection to them. */
const MOST_TROUBLES = 1000
/** Ms after which an idle connection of ours is kept open by a ping (RFC 5626 §4.4.1). */
const PING_MS = 30_000
/** A connection that has said nothing for so many ms of waiting is taken for dead. */
const SUSPECT_MS = 900

/** What connections need of the process that they live in. */
export interface Streams {
  /**
   * Asks host for a TCP socket inside a realm, at its address of this family or else its first one; it comes as `sip-out` with this id.
   * Rejects when none can be had.
   */
  open(realm: Realm, id: string, family?: IpFamily): Promise<void>
  /** TLS around a socket on its way to `to`, held to what the realm knows of whoever is there. */
  secure(realm: Realm, socket: Socket, to: Hop): Socket
  tlsServer(realm: Realm, from: Hop): TlsServer | null
  /** Whose credentials a peer at this address is held to. */
  profileOf(realm: Realm, address: string): string | undefined
}

/** How a realm's connections are made and secured. */
export interface ConnectionsOptions {
  clock: Clock
  log: Log
  /** A TCP socket on its way to `to`, from the realm's address. Rejects when none can be had. */
  connect(to: Hop): Socket | Promise<Socket>
  /** TLS around a socket on its way to `to`, with the credentials of its profile. */
  secure(socket: Socket, to: Hop): Socket
  /** Who secures what comes from there; null where TLS is not offered. */
  tlsServer(from: Hop): TlsServer | null
  /** Whose credentials a peer at this address is held to. */
  profileOf(address: string): string | undefined
  accepts(from: Hop): boolean
  receive(bytes: Uint8Array, from: Hop): void
  lost(hop: Hop, how: { again: boolean }): void
  /** A connection that telephones had registered by is no more. */
  unbound(flow: string): void
}

/**
 * The connections of one realm: opened when a message needs one, found again by flow or by hop, replaced when lost. What
 * has another profile, or was proven to be another name, is never sent over the same one (PITFALLS S43); realms share nothing.
 */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #flows = new Map<string, Connection>()
  readonly #outgoing = new Map<string, Connection>()
  readonly #sources = new Map<string, number>()
  /** Why whom we connected to last could not be spoken with; the oldest first. */
  readonly #troubles = new Map<string, string>()
  readonly #listeners: NetServer[] = []
  #sweep: Timer | null = null

  constructor(options: ConnectionsOptions) {
    this.#options = options
  }

  /** Connections that stand or are on their way. */
  get size(): number {
    return this.#flows.size
  }

  /** Why there is no connection to there, as a clause about whoever is there; undefined where that is not so. */
  trouble(to: Hop): string | undefined {
    return to.transport === 'udp' ? undefined : this.#troubles.get(keyOf(to))
  }

  /** Takes connections from a listener until the realm is gone. */
  listen(listener: NetServer, transport: 'tcp' | 'tls'): void {
    this.#listeners.push(listener)
    listener.on('connection', (socket) => this.#accept(socket, transport))
    listener.on('error', (error) => this.#options.log.warn({ err: error }, 'a listener reported an error'))
  }

  /** Takes none any more from who listens at this address. */
  unlisten(address: string): void {
    for (const listener of this.#listeners.filter((one) => addressOf(one) === address)) {
      this.#listeners.splice(this.#listeners.indexOf(listener), 1)
      listener.close()
    }
  }

  /** Sends by the connection that the hop names, else by one to its address, else by a new one; for a bound hop there is no else. */
  send(bytes: Uint8Array, to: Hop): void {
    const connection = this.#find(to, true)
    if (connection) connection.write(bytes)
    // Not within the call that wanted to send.
    else setImmediate(() => this.#options.lost(to, { again: false }))
  }

  /** From now on whoever opened this connection is called by it, and by no other (RFC 5626 §5.3). */
  bind(flow: string): void {
    const connection = this.#flows.get(flow)
    if (connection) connection.hop.bound = true
  }

  /** RFC 3261 §18.4, PITFALLS S41: a connection that was used before and is silent now is dead, whatever TCP still hopes. */
  suspect(hop: Hop): void {
    const connection = this.#find(hop, false)
    if (!connection?.stands || !connection.heard) return
    if (this.#options.clock.now() - connection.receivedAt >= SUSPECT_MS) connection.close()
  }

  close(): void {
    for (const listener of this.#listeners.splice(0)) listener.close()
    this.#sweep?.cancel()
    this.#sweep = null
    const all = [...this.#flows.values()]
    this.#flows.clear()
    this.#outgoing.clear()
    for (const connection of all) connection.close()
  }

  #find(to: Hop, open: boolean): Connection | undefined {
    const byFlow = to.flow === undefined ? undefined : this.#flows.get(to.flow)
    if (byFlow || to.bound) return byFlow
    return this.#outgoing.get(keyOf(to)) ?? (open ? this.#open(to) : undefined)
  }

  #open(to: Hop): Connection {
    const { log, connect, secure } = this.#options
    const connection = this.#add(to, true)
    this.#outgoing.set(keyOf(to), connection)
    const within = (socket: Socket): Socket => {
      try {
        return secure(socket, to)
      } catch (error) {
        // OpenSSL takes no weak certificate; nobody else would close what is connected by now.
        socket.destroy()
        throw error
      }
    }
    const attach = (socket: Socket) => {
      const failed = (error: Error) => {
        const trouble = this.#blame(to, troubleOf(error))
        const about = { transport: to.transport, pii_address: to.address, port: to.port }
        log.warn({ ...about, trouble, fault: error.message }, 'a SIP connection failed')
      }
      const stands = () => void this.#troubles.delete(keyOf(to))
      if (to.transport !== 'tls') {
        socket.on('error', failed).once('connect', stands)
        connection.attach(socket, false)
        return
      }
      // Of TLS a fault of the socket is one of its own, too.
      socket.on('error', () => {})
      const secured = within(socket)
      secured.on('error', failed).once('secureConnect', stands)
      connection.attach(secured, false, 'secureConnect')
    }
    const fail = (error: unknown) => {
      log.warn({ transport: to.transport, err: error }, 'a SIP connection cannot be opened')
      this.#blame(to, 'no connection to it can be opened')
      connection.close()
    }
    try {
      const socket = connect(to)
      if (socket instanceof Promise) socket.then(attach).catch(fail)
      else attach(socket)
    } catch (error) {
      // Not within the call that wanted to send: whoever waits is told as of any other loss.
      setImmediate(() => fail(error))
    }
    return connection
  }

  #accept(socket: Socket, transport: 'tcp' | 'tls'): void {
    const address = plain(socket.remoteAddress ?? '')
    const profile = this.#options.profileOf(address)
    const from: Hop = { transport, address, port: socket.remotePort ?? 0, ...(profile === undefined ? {} : { profile }) }
    const count = this.#sources.get(address) ?? 0
    const server = transport === 'tls' ? this.#options.tlsServer(from) : null
    const refused = !this.#options.accepts(from) || count >= PER_SOURCE || this.#flows.size >= PER_REALM
    if (refused || (transport === 'tls' && !server)) {
      socket.on('error', () => {})
      socket.destroy()
      return
    }
    this.#sources.set(address, count + 1)
    socket.on('error', () => {})
    socket.once('close', () => this.#left(address))
    if (!server) {
      this.#add(from, false).attach(socket, true)
      return
    }
    secureIncoming(server, socket, (secured) => this.#add(from, false).attach(secured, true))
  }

  #left(address: string): void {
    const count = (this.#sources.get(address) ?? 1) - 1
    if (count > 0) this.#sources.set(address, count)
    else this.#sources.delete(address)
  }

  #add(hop: Hop, outgoing: boolean): Connection {
    const { clock, receive } = this.#options
    const closed = (gone: Connection, stood: boolean) => this.#gone(gone, stood)
    const connection = new Connection({ clock, hop, outgoing, events: { message: receive, closed } })
    this.#flows.set(connection.hop.flow!, connection)
    this.#sweep ??= clock.after(SWEEP_MS, () => this.#look())
    return connection
  }

  #gone(connection: Connection, stood: boolean): void {
    const known = this.#flows.delete(connection.hop.flow!)
    const key = keyOf(connection.hop)
    if (this.#outgoing.get(key) === connection) this.#outgoing.delete(key)
    if (!known) return
    // A client's certificate is judged behind the handshake (RFC 8446 §4.4.2), and not everybody says why it is refused.
    if (connection.outgoing && !connection.heard && !this.#troubles.has(key))
      this.#blame(connection.hop, stood ? 'it ended the connection without a word' : 'no connection to it came about')
    const { bound, flow } = connection.hop
    this.#options.lost(connection.hop, { again: stood && !bound })
    if (bound) this.#options.unbound(flow!)
  }

  #blame(to: Hop, trouble: string): string {
    const key = keyOf(to)
    this.#troubles.delete(key)
    this.#troubles.set(key, trouble)
    if (this.#troubles.size > MOST_TROUBLES) this.#troubles.delete(this.#troubles.keys().next().value!)
    return trouble
  }

  /** Closes what is idle, stuck or never spoke, and keeps the rest open. */
  #look(): void {
    const now = this.#options.clock.now()
    for (const connection of [...this.#flows.values()]) {
      const { outgoing, openedAt, receivedAt, sentAt, pendingSince, heard, stands } = connection
      const mute = !outgoing && !heard && now - openedAt > PATIENCE_MS
      const dribbles = pendingSince !== null && now - pendingSince > PATIENCE_MS
      const unborn = !stands && now - openedAt > CONNECT_MS
      const idle = now - Math.max(receivedAt, outgoing ? openedAt : sentAt) > IDLE_MS
      if (mute || dribbles || unborn || idle) connection.close()
      else if (outgoing && stands && now - Math.max(receivedAt, sentAt) > PING_MS) connection.write(PING)
    }
    this.#sweep = this.#flows.size > 0 ? this.#options.clock.after(SWEEP_MS, () => this.#look()) : null
  }
}

const PING = Buffer.from('\r\n\r\n')

function keyOf({ transport, address, port, profile, name }: Hop): string {
  return `${transport} ${address} ${port} ${profile ?? ''} ${transport === 'tls' ? (name ?? '') : ''}`
}

function addressOf(listener: NetServer): string | null {
  const bound = listener.address()
  return bound !== null && typeof bound === 'object' ? bound.address : null
}

/** A socket of both families shows the addresses of the old one in the clothes of the new. */
function plain(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

/** The server's own handshake, with its limits of time and its judgement of certificates, for one socket. */
function secureIncoming(server: TlsServer, socket: Socket, then: (secured: Socket) => void): void {
  const port = socket.remotePort
  const address = socket.remoteAddress
  const onSecure = (secured: Socket) => {
    if (secured.remotePort !== port || secured.remoteAddress !== address) return
    done()
    then(secured)
  }
  const done = () => server.off('secureConnection', onSecure)
  server.on('secureConnection', onSecure)
  socket.once('close', done)
  server.emit('connection', socket)
}
