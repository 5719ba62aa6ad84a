import { createSocket } from 'node:dgram'
import { connect, isIPv6, type Socket } from 'node:net'
import type { Clock } from '#lib/index.ts'

export interface ExchangeHow {
  /** Address of the name server; its port is 53. */
  server: string
  over: 'udp' | 'tcp'
  timeoutMs: number
  /** Whether this message is what was asked for; what is not, is passed over. */
  isAnswer(bytes: Uint8Array): boolean
}

/** Sends a query and resolves with its answer; null where none came in time, or none can. */
export type Exchange = (query: Uint8Array, how: ExchangeHow) => Promise<Uint8Array | null>

const PORT = 53

/** Exchanges with name servers by sockets of this process, each with a random port (RFC 5452 §9.2). */
export function socketExchange(clock: Clock): Exchange {
  return (query, how) =>
    how.over === 'udp' ? byUdp(clock, query, how) : byTcp(clock, query, how, connect({ host: how.server, port: PORT }))
}

/** Sockets that somebody else has opened, in a place where this process is not. */
export interface LentSockets {
  clock: Clock
  /** By the one socket for datagrams. */
  send(bytes: Uint8Array, to: { address: string; port: number }): void
  /** A connection on its way. Rejects when none can be had. */
  connect(to: { host: string; port: number }): Promise<Socket>
}

/** Exchanges with name servers by {@link LentSockets}: all queries leave by one port, and are told apart by their ids. */
export class LentExchange {
  readonly #sockets: LentSockets
  readonly #waiting = new Set<{ server: string; take(bytes: Uint8Array): void }>()

  constructor(sockets: LentSockets) {
    this.#sockets = sockets
  }

  /** Queries that wait: zero when nothing is left. */
  get waiting(): number {
    return this.#waiting.size
  }

  readonly exchange: Exchange = (query, how) => {
    const { clock, connect } = this.#sockets
    if (how.over === 'tcp') return byTcp(clock, query, how, connect({ host: how.server, port: PORT }))
    return new Promise((resolve) => {
      const end = (answer: Uint8Array | null) => {
        timer.cancel()
        this.#waiting.delete(waiting)
        resolve(answer)
      }
      const take = (bytes: Uint8Array) => {
        if (how.isAnswer(bytes)) end(bytes)
      }
      const waiting = { server: how.server, take }
      const timer = clock.after(how.timeoutMs, () => end(null))
      this.#waiting.add(waiting)
      this.#sockets.send(query, { address: how.server, port: PORT })
    })
  }

  /** A datagram has come. Whoever was not asked has not answered. */
  receive(bytes: Uint8Array, from: { address: string; port: number }): void {
    if (from.port !== PORT) return
    for (const { server, take } of [...this.#waiting]) if (server === from.address) take(bytes)
  }
}

function byUdp(clock: Clock, query: Uint8Array, { server, timeoutMs, isAnswer }: ExchangeHow): Promise<Uint8Array | null> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4')
    const end = (answer: Uint8Array | null) => {
      timer.cancel()
      socket.removeAllListeners()
      socket.on('error', () => {})
      socket.close()
      resolve(answer)
    }
    const timer = clock.after(timeoutMs, () => end(null))
    // That nobody listens there, a connected socket is told.
    socket.once('error', () => end(null))
    socket.on('message', (bytes) => {
      if (isAnswer(bytes)) end(bytes)
    })
    // Connected, it hears the server and nobody else.
    socket.connect(PORT, server, () => socket.send(query))
  })
}

function byTcp(
  clock: Clock,
  query: Uint8Array,
  { timeoutMs, isAnswer }: ExchangeHow,
  connected: Socket | Promise<Socket>,
): Promise<Uint8Array | null> {
  return new Promise((resolve) => {
    let socket: Socket | null = null
    let received = Buffer.alloc(0)
    let over = false
    const end = (answer: Uint8Array | null) => {
      over = true
      timer.cancel()
      socket?.destroy()
      resolve(answer)
    }
    const timer = clock.after(timeoutMs, () => end(null))
    const use = (opened: Socket) => {
      socket = opened
      socket.on('error', () => end(null))
      socket.on('close', () => end(null))
      if (over) return void socket.destroy()
      socket.on('data', (chunk) => {
        received = Buffer.concat([received, chunk])
        const length = received.length < 2 ? Number.POSITIVE_INFINITY : received.readUInt16BE(0)
        if (received.length < 2 + length) return
        const message = received.subarray(2, 2 + length)
        end(isAnswer(message) ? message : null)
      })
      // RFC 1035 §4.2.2: the length in front, in the same segment (RFC 7766 §8).
      const head = Buffer.alloc(2)
      head.writeUInt16BE(query.length)
      socket.write(Buffer.concat([head, query]))
    }
    if (connected instanceof Promise) connected.then(use, () => end(null))
    else use(connected)
  })
}
