import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { getSystemErrorName } from 'node:util'
import { type DatagramReceiver, type DatagramSender, type Libc, Readable, settle } from '#protocol/posix/index.ts'
import type { Hop } from '#protocol/sip/index.ts'

/** Datagrams that wait for a socket which takes no more; beyond them they are dropped, as a network would. */
const QUEUED = 1024

/** So many datagrams end a turn, though there are more: others have their turn, too. */
const HEARD = 32

const EAGAIN = 11

export interface Place {
  address: string
  port: number
}

/** How the switch reads and sends datagrams: once for all its sockets. */
export interface Datagrams {
  libc: Libc
  sender: DatagramSender
  receiver: DatagramReceiver<Hop>
}

/** Who hears what comes to a socket. */
export interface Hearer {
  /** Some datagrams have come. */
  begin(): void
  came(bytes: Uint8Array, from: Hop): void
  /** All that came together has been heard, and what it led to at once has happened. */
  end(): void
  failed(error: Error): void
}

/**
 * A UDP socket that host has handed over. libc reads from it and sends by it: Node's own way takes three times as long there,
 * and by half as long here.
 */
export class DatagramSocket {
  readonly #ways: Datagrams
  readonly #socket: Socket
  /** What is read from: libuv would watch Node's own descriptor for Node. */
  #readable: { fd: number; poll: Readable } | null = null
  /** −1 when it is closed: the number may be another's then. */
  #fd: number
  #queued = 0
  readonly #left = () => void this.#queued--

  /** `handle` is Node's own, bound to `address`. */
  constructor(handle: unknown, address: string, ways: Datagrams) {
    this.#ways = ways
    const own = handle as { fd: number; recvStop(): void }
    this.#fd = own.fd
    this.#socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4').bind(handle as never)
    own.recvStop()
  }

  /** Reads from the next turn on. Once. */
  listen(hearer: Hearer): void {
    this.#socket.on('error', (error) => hearer.failed(error))
    const fd = this.#ways.libc.duplicate(this.#fd)
    this.#readable = { fd, poll: new Readable(fd, () => this.#read(fd, hearer)) }
  }

  /** What comes while something is heard is of the same turn: so several messages leave behind one write. */
  #read(fd: number, hearer: Hearer): void {
    const { receiver, libc } = this.#ways
    hearer.begin()
    for (let heard = 0; heard < HEARD && this.#fd >= 0; ) {
      const count = receiver.receive(fd)
      if (count < 0 && libc.errno() !== EAGAIN) hearer.failed(new Error(`recvmmsg: ${getSystemErrorName(-libc.errno())}`))
      if (count <= 0) break
      // Nothing is heard from one that what came first has closed.
      for (let i = 0; i < count && this.#fd >= 0; i++) {
        hearer.came(receiver.bytes(i), receiver.from(i))
        settle()
      }
      heard += count
    }
    hearer.end()
  }

  /**
   * What libc does not take at once goes Node's way, which waits until the socket is writable and knows scopes. As long as
   * something waits there, all goes that way. False where too many wait already.
   */
  send(bytes: Uint8Array, to: Place): boolean {
    if (this.#fd < 0) return true
    if (this.#queued === 0 && this.#ways.sender.send(this.#fd, bytes, to.address, to.port)) return true
    if (this.#queued === QUEUED) return false
    this.#socket.send(bytes, to.port, to.address, this.#left)
    this.#queued++
    return true
  }

  /** Idempotent. */
  close(): void {
    if (this.#fd < 0) return
    this.#fd = -1
    this.#readable?.poll.close()
    if (this.#readable) this.#ways.libc.close(this.#readable.fd)
    this.#socket.close()
  }
}
