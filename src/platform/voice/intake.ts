import { EPOLL_EVENT } from '#protocol/posix/index.ts'
import type { Endpoint } from './endpoint.ts'
import type { Receiver } from './receiver.ts'
import { BATCH, type Transmitter } from './transmitter.ts'

/**
 * Takes one datagram from each socket that has something: from a whole batch first, then judges what has come, then sends what comes
 * of it. Packet by packet, the kernel's code for receiving, ours, and the kernel's for sending would drive each other out of the
 * processor's caches, which costs more than what ours does.
 */
export class Intake {
  /** Keeps the compiler from leaving out a reading whose result nobody wants. */
  touched = 0
  readonly #events: DataView
  readonly #endpoints: readonly (Endpoint | undefined)[]
  readonly #transmitter: Transmitter
  readonly #receiver: Receiver
  readonly #onFault: (error: unknown) => void

  /**
   * `events` is where `epoll_wait` reports: of each socket twice the slot of its endpoint, one more for RTCP; less than 0 of what is
   * no socket.
   */
  constructor(
    events: DataView,
    endpoints: readonly (Endpoint | undefined)[],
    transmitter: Transmitter,
    receiver: Receiver,
    onFault: (error: unknown) => void,
  ) {
    this.#events = events
    this.#endpoints = endpoints
    this.#transmitter = transmitter
    this.#receiver = receiver
    this.#onFault = onFault
  }

  /** Takes from the `ready` sockets that were reported. Returns whether something that is no socket was reported, too. */
  take(ready: number, now: number): boolean {
    let others = false
    for (let first = 0; first < ready; first += BATCH) {
      const count = Math.min(BATCH, ready - first)
      this.#touch(first, count)
      if (this.#receive(first, count)) others = true
      for (let i = 0; i < count; i++) this.#judge(this.#reported(first + i), i, now)
      this.#transmitter.flush(count)
    }
    return others
  }

  #receive(first: number, count: number): boolean {
    let others = false
    for (let i = 0; i < count; i++) {
      const data = this.#reported(first + i)
      const endpoint = data < 0 ? undefined : this.#endpoints[data >> 1]
      if (endpoint) this.#transmitter.receive(data & 1 ? endpoint.rtcp : endpoint.rtp, i)
      else if (data < 0) others = true
    }
    return others
  }

  /** One read waits for no other, so that memory is waited for once, not for each of the endpoints in turn. */
  #touch(first: number, count: number): void {
    let sum = 0
    for (let i = 0; i < count; i++) {
      const data = this.#reported(first + i)
      const endpoint = data < 0 ? undefined : this.#endpoints[data >> 1]
      if (endpoint) sum += endpoint.touch()
    }
    this.touched = sum
  }

  #judge(data: number, at: number, now: number): void {
    const endpoint = data < 0 ? undefined : this.#endpoints[data >> 1]
    if (!endpoint) return
    const length = this.#transmitter.take(at)
    if (length < 0) return
    try {
      if (data & 1) this.#receiver.control(endpoint, length, now)
      else this.#receiver.rtp(endpoint, length, now)
    } catch (error) {
      this.#onFault(error)
    }
  }

  #reported(at: number): number {
    return this.#events.getInt32(at * EPOLL_EVENT.bytes + EPOLL_EVENT.data, true)
  }
}
