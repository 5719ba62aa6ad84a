import type { Socket } from 'node:net'
import { type Clock, token } from '#lib/index.ts'
import { type Hop, StreamFramer } from '#protocol/sip/index.ts'

/** Octets that may wait for a peer that does not read; then it counts as lost (PITFALLS F06). */
const MAX_UNSENT = 1 << 20

/** Messages that may wait for a connection to stand. */
const MAX_WAITING = 256

export interface ConnectionEvents {
  message(bytes: Uint8Array, from: Hop): void
  /** Once, when nothing more can come or go. `stood`: it had been established. */
  closed(connection: Connection, stood: boolean): void
}

/** One connection over which SIP comes and goes, in messages (RFC 3261 §18). */
export class Connection {
  /** Where it leads, with the flow by which answers find back. */
  readonly hop: Hop
  readonly outgoing: boolean
  readonly openedAt: number
  /** When octets last came, by the clock. */
  receivedAt: number
  sentAt: number
  /** A whole message has come. */
  heard = false
  /** Since when a message has been incomplete; null when none is. */
  pendingSince: number | null = null
  readonly #clock: Clock
  readonly #events: ConnectionEvents
  readonly #framer = new StreamFramer()
  #socket: Socket | null = null
  #waiting: Uint8Array[] = []
  #stood = false
  #closed = false

  constructor(options: { clock: Clock; hop: Hop; outgoing: boolean; events: ConnectionEvents }) {
    this.#clock = options.clock
    this.#events = options.events
    this.hop = { ...options.hop, flow: token(9) }
    this.outgoing = options.outgoing
    this.openedAt = options.clock.now()
    this.receivedAt = this.openedAt
    this.sentAt = this.openedAt
  }

  /** Takes the socket; `established` unless it is only on its way, and then `ready` says so. */
  attach(socket: Socket, established: boolean, ready: 'connect' | 'secureConnect' = 'connect'): void {
    if (this.#closed) {
      socket.destroy()
      return
    }
    this.#socket = socket
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 30_000)
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('error', () => {})
    socket.on('end', () => socket.destroy())
    socket.on('close', () => this.close())
    if (established) this.#stand()
    else socket.once(ready, () => this.#stand())
  }

  write(bytes: Uint8Array): void {
    this.sentAt = this.#clock.now()
    if (!this.#stood) {
      if (this.#waiting.length < MAX_WAITING) this.#waiting.push(bytes)
      return
    }
    this.#socket?.write(bytes)
    if ((this.#socket?.writableLength ?? 0) > MAX_UNSENT) this.close()
  }

  get stands(): boolean {
    return this.#stood && !this.#closed
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#waiting = []
    this.#socket?.destroy()
    this.#events.closed(this, this.#stood)
  }

  #stand(): void {
    if (this.#closed) return
    this.#stood = true
    for (const bytes of this.#waiting.splice(0)) this.#socket?.write(bytes)
  }

  #receive(chunk: Buffer): void {
    this.receivedAt = this.#clock.now()
    for (const framed of this.#framer.push(chunk)) {
      if (this.#closed) return
      if (framed.kind === 'ping') this.#socket?.write('\r\n')
      else if (framed.kind === 'message') {
        this.heard = true
        this.#events.message(framed.bytes, this.hop)
      } else this.#refuse(framed.head)
    }
    this.pendingSince = this.#framer.pending ? (this.pendingSince ?? this.receivedAt) : null
  }

  /** PITFALLS F07: the head alone is answered as the malformed message that it is; the stream is of no use any more. */
  #refuse(head: Uint8Array | null): void {
    if (head) this.#events.message(head, this.hop)
    // The answer leaves at the end of the turn.
    setImmediate(() => setImmediate(() => this.close()))
  }
}
