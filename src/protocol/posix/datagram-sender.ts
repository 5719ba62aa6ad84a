import { type Libc, MSG_DONTWAIT, reserve } from './libc.ts'
import { SOCKADDR_BYTES, writeSockaddr } from './sockaddr.ts'

/** Sends datagrams, by whichever socket. Where each goes to is written into the same memory, which stays in the caches. */
export class DatagramSender {
  readonly #libc: Libc
  readonly #place = reserve(SOCKADDR_BYTES)

  constructor(libc: Libc) {
    this.#libc = libc
  }

  /** Whether the socket has taken it; never waits. False where it is full, something forbids it, or `address` is no plain one. */
  send(fd: number, bytes: Uint8Array, address: string, port: number): boolean {
    const length = writeSockaddr(this.#place.bytes, 0, address, port)
    if (length === 0) return false
    return this.#libc.sendBytes(fd, bytes, bytes.length, MSG_DONTWAIT, this.#place.address, length) >= 0
  }
}
