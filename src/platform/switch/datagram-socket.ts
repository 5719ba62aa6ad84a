import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { DatagramSender } from '#protocol/posix/index.ts'

/** Datagrams that wait for a socket which takes no more; beyond them they are dropped, as a network would. */
const QUEUED = 1024

export interface Place {
  address: string
  port: number
}

/** A UDP socket that host has handed over. Node reads from it; what is sent goes to libc, which takes two thirds of the time. */
export class DatagramSocket {
  readonly #sender: DatagramSender
  readonly #socket: Socket
  /** −1 when it is closed: the number may be another's then. */
  #fd: number
  #queued = 0
  readonly #left = () => void this.#queued--

  /** `handle` is Node's own, bound to `address`. It is read from the next turn on. */
  constructor(handle: unknown, address: string, sender: DatagramSender) {
    this.#sender = sender
    this.#fd = (handle as { fd: number }).fd
    this.#socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4').bind(handle as never)
  }

  listen(receive: (bytes: Uint8Array, from: Place) => void, failed: (error: Error) => void): void {
    this.#socket.on('message', receive).on('error', failed)
  }

  /**
   * What libc does not take at once goes Node's way, which waits until the socket is writable and knows scopes. As long as
   * something waits there, all goes that way. False where too many wait already.
   */
  send(bytes: Uint8Array, to: Place): boolean {
    if (this.#fd < 0) return true
    if (this.#queued === 0 && this.#sender.send(this.#fd, bytes, to.address, to.port)) return true
    if (this.#queued === QUEUED) return false
    this.#socket.send(bytes, to.port, to.address, this.#left)
    this.#queued++
    return true
  }

  /** Idempotent. */
  close(): void {
    if (this.#fd < 0) return
    this.#fd = -1
    this.#socket.close()
  }
}
