import net from 'node:net'
import type { Duplex } from 'node:stream'
import { systemClock, type Timer } from '#lib/index.ts'
import type { Answers, CallOptions, Calls, Handlers, Hears, LinkTypes, Listeners, Params, Result, Says } from './contract.ts'
import { LinkLost } from './error.ts'
import { listenerMap, methodMap } from './handlers.ts'
import { Link, type LinkSettings } from './link.ts'

export interface ConnectOptions<T extends LinkTypes> extends LinkSettings {
  /** A Unix socket's pathname. */
  path?: string
  /** Instead of a path: opens the stream, e.g. with TLS. What it throws counts as unreachable. */
  connect?(): Duplex | Promise<Duplex>
  methods?: Handlers<Answers<T>, T>
  onNotification?: Listeners<Hears<T>, T>
  /** Both sides have said hello; again after every reconnection. */
  onConnected?(link: Link<T>): void
  /** The link that was open is lost. */
  onLost?(lost: LinkLost): void
  /** Ms before the first and the longest pause before a new try; default 50 and 5000, doubling, jittered. False: only once. */
  reconnect?: { firstMs: number; maxMs: number } | false
  /** For the jitter; default Math.random. */
  random?(): number
}

/** A link that is made anew when it is lost. */
export class LinkClient<T extends LinkTypes> implements Disposable {
  #options: ConnectOptions<T>
  #link: Link<T> | null = null
  /** A stream on which the hellos have not been exchanged yet. */
  #attempt: Duplex | null = null
  #timer: Timer | null = null
  #pauseMs = 0
  #closed = false
  #lastError: unknown
  #waiting: { resolve(link: Link<T>): void; reject(error: unknown): void }[] = []
  readonly #methods
  readonly #listeners

  constructor(options: ConnectOptions<T>) {
    this.#options = options
    this.#methods = methodMap<T>(options.methods)
    this.#listeners = listenerMap<T>(options.onNotification)
    void this.#connect()
  }

  /** The open link, or null. */
  get link(): Link<T> | null {
    return this.#link
  }

  /** Resolves with the open link, now or when there is one; rejects with LinkLost when closed or after `timeoutMs`. */
  ready(timeoutMs?: number): Promise<Link<T>> {
    if (this.#link) return Promise.resolve(this.#link)
    if (this.#closed) return Promise.reject(new LinkLost('closed', this.#lastError))
    return new Promise((resolve, reject) => {
      const timer =
        timeoutMs === undefined
          ? null
          : (this.#options.clock ?? systemClock).after(timeoutMs, () => {
              this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
              reject(new LinkLost('unreachable', this.#lastError))
            })
      const waiting = {
        resolve: (link: Link<T>) => {
          timer?.cancel()
          resolve(link)
        },
        reject: (error: unknown) => {
          timer?.cancel()
          reject(error)
        },
      }
      this.#waiting.push(waiting)
    })
  }

  /** As Link.call; rejects at once with LinkLost while there is no connection. */
  call<K extends keyof Calls<T> & string>(
    method: K,
    params: Params<Calls<T>, K>,
    options?: CallOptions,
  ): Promise<Result<Calls<T>, K>> {
    if (!this.#link) return Promise.reject(new LinkLost(this.#closed ? 'closed' : 'unreachable', this.#lastError))
    return this.#link.call(method, params, options)
  }

  /** As Link.notify; swallowed while there is no connection. */
  notify<K extends keyof Says<T> & string>(name: K, params: Says<T>[K]): void {
    this.#link?.notify(name, params)
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#attempt?.destroy()
    this.#link?.close()
    for (const w of this.#waiting.splice(0)) w.reject(new LinkLost('closed', this.#lastError))
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async #connect(): Promise<void> {
    let stream: Duplex
    try {
      stream = await this.#open()
    } catch (error) {
      this.#lastError = error
      return this.#later()
    }
    if (this.#closed) return void stream.destroy()
    this.#attempt = stream
    const { onOpen, onEnd } = this.#follow()
    const link = new Link<T>({
      ...this.#options,
      stream,
      pings: false,
      methods: this.#methods,
      listeners: this.#listeners,
      onOpen,
    })
    void link.closed.then(onEnd)
  }

  #follow() {
    let opened = false
    const onOpen = (link: Link<T>) => {
      if (this.#closed) return link.close()
      opened = true
      this.#attempt = null
      this.#link = link
      this.#options.onConnected?.(link)
      for (const w of this.#waiting.splice(0)) w.resolve(link)
    }
    const onEnd = (lost: LinkLost) => {
      this.#link = null
      this.#attempt = null
      this.#lastError = lost
      // Whoever is refused right after hello (a revoked certificate) may not knock ever faster.
      if (opened && lost.reason !== 'refused') this.#pauseMs = 0
      if (opened && !this.#closed) this.#options.onLost?.(lost)
      this.#later()
    }
    return { onOpen, onEnd }
  }

  async #open(): Promise<Duplex> {
    if (this.#options.connect) return await this.#options.connect()
    const socket = net.connect(this.#options.path ?? '')
    this.#attempt = socket
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
      socket.once('close', () => reject(new LinkLost('closed')))
    })
    return socket
  }

  #later(): void {
    if (this.#closed) return
    const { reconnect, random = Math.random, clock = systemClock } = this.#options
    if (reconnect === false) {
      this.close()
      return
    }
    const { firstMs, maxMs } = reconnect ?? { firstMs: 50, maxMs: 5000 }
    this.#pauseMs = Math.min(maxMs, Math.max(firstMs, this.#pauseMs * 2))
    this.#timer = clock.after(this.#pauseMs * (0.5 + random() / 2), () => void this.#connect(), { keepAlive: true })
  }
}

/** Connects a link and keeps it connected. */
export function connectLink<T extends LinkTypes>(options: ConnectOptions<T>): LinkClient<T> {
  return new LinkClient<T>(options)
}
