import type { Log } from '#lib/index.ts'
import type { Hop } from '#protocol/sip/index.ts'
import type { DatagramSocket, Hearer, Place } from './datagram-socket.ts'
import type { Outbox } from './outbox.ts'

/** Datagrams that wait for a socket that host has not handed over yet; more are dropped, as a network would. */
const WAITING = 256

/**
 * One handed-over socket, which may come late, be replaced, or go. A socket that host keeps a duplicate of is never
 * closed twice by us: we only let go of our own.
 */
class HeldSocket implements Hearer {
  readonly #outbox: Outbox
  readonly #log: Log
  readonly #receive: (bytes: Uint8Array, from: Hop) => void
  #socket: DatagramSocket | null = null
  #waiting: { bytes: Uint8Array; to: Place }[] = []

  constructor(outbox: Outbox, log: Log, receive: (bytes: Uint8Array, from: Hop) => void) {
    this.#outbox = outbox
    this.#log = log
    this.#receive = receive
  }

  take(socket: DatagramSocket): void {
    this.#socket?.close()
    this.#socket = socket
    socket.listen(this)
    for (const { bytes, to } of this.#waiting.splice(0)) this.#write(bytes, to)
  }

  begin(): void {
    this.#outbox.begin()
  }

  /** Whatever is wrong with a datagram, or with us, the process goes on without it. */
  came(bytes: Uint8Array, from: Hop): void {
    // Whoever forges port 0 as his own cannot be answered.
    if (from.port === 0) return
    try {
      this.#receive(bytes, from)
    } catch (error) {
      this.#log.error({ err: error }, 'a datagram could not be handled')
    }
  }

  end(): void {
    this.#outbox.deliver()
  }

  failed(error: Error): void {
    this.#log.warn({ err: error }, 'a socket reported an error')
  }

  /** Leaves at the end of the turn, behind the journal's write. To port 0, which DNS may name, goes nothing: dgram throws. */
  send(bytes: Uint8Array, to: Place): void {
    if (to.port === 0) return
    this.#outbox.post({ send: () => this.#write(bytes, to) })
  }

  close(): void {
    this.#socket?.close()
    this.#socket = null
    this.#waiting = []
  }

  #write(bytes: Uint8Array, to: Place): void {
    if (!(this.#socket ? this.#socket.send(bytes, to) : this.#wait(bytes, to))) this.#outbox.dropped += 1
  }

  #wait(bytes: Uint8Array, to: Place): boolean {
    if (this.#waiting.length === WAITING) return false
    this.#waiting.push({ bytes, to })
    return true
  }
}

/** The sockets of one place by the family of IP; whoever asks knows which the place has. */
export class HeldSockets {
  readonly #four: HeldSocket
  readonly #six: HeldSocket

  constructor(outbox: Outbox, log: Log, receive: (bytes: Uint8Array, from: Hop) => void) {
    this.#four = new HeldSocket(outbox, log, receive)
    this.#six = new HeldSocket(outbox, log, receive)
  }

  /** What is bound to an address of this family. */
  at(address: string): HeldSocket {
    return address.includes(':') ? this.#six : this.#four
  }

  close(): void {
    this.#four.close()
    this.#six.close()
  }
}
