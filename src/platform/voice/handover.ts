import { type Clock, TielineError, type Timer } from '#lib/index.ts'
import type { SocketHandover } from '#platform/words/index.ts'
import type { Libc } from '#protocol/posix/index.ts'
import type { RtpSocket } from './pool.ts'

/** How long a socket and the answer that names it may be apart, ms. */
const PATIENCE_MS = 5000

/** Node's own handle of a UDP socket, as it comes over the IPC channel. */
interface Native {
  fd: number
  close(): void
}

/**
 * Sockets that come over the IPC channel, matched by id with whoever has asked for them. Each becomes a bare descriptor of
 * ours; Node's object is closed, so that its event loop never reads from it.
 */
export class Handover {
  readonly #libc: Libc
  readonly #clock: Clock
  readonly #come = new Map<string, { socket: RtpSocket; timer: Timer }>()
  readonly #awaited = new Map<string, (socket: RtpSocket) => void>()

  constructor(libc: Libc, clock: Clock) {
    this.#libc = libc
    this.#clock = clock
  }

  /** Takes a socket that has come. */
  accept({ socket: { id, address, port } }: SocketHandover, handle: unknown): void {
    const native = handle as Native
    const fd = native.fd < 0 ? -1 : this.#libc.duplicate(native.fd)
    native.close()
    if (fd < 0) return
    const socket = { fd, address, port }
    const waiting = this.#awaited.get(id)
    if (waiting) {
      waiting(socket)
      return
    }
    const timer = this.#clock.after(PATIENCE_MS, () => {
      this.#come.delete(id)
      this.#libc.close(fd)
    })
    this.#come.set(id, { socket, timer })
  }

  /** The socket with this id, now or when it comes; rejects after 5 s. */
  take(id: string): Promise<RtpSocket> {
    const come = this.#come.get(id)
    if (come) {
      come.timer.cancel()
      this.#come.delete(id)
      return Promise.resolve(come.socket)
    }
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(PATIENCE_MS, () => {
        this.#awaited.delete(id)
        reject(
          new TielineError('The socket never came.', { code: 'socket-lost', fault: 'system', retry: true, http: 503, sip: 503 }),
        )
      })
      this.#awaited.set(id, (socket) => {
        timer.cancel()
        this.#awaited.delete(id)
        resolve(socket)
      })
    })
  }

  close(): void {
    for (const { socket, timer } of this.#come.values()) {
      timer.cancel()
      this.#libc.close(socket.fd)
    }
    this.#come.clear()
  }
}
