import type { Duplex } from 'node:stream'
import { type Clock, type Log, systemClock, TielineError, type Timer } from '#lib/index.ts'
import type { CallContext, CallOptions, Calls, Hello, LinkTypes, Params, Result, Says } from './contract.ts'
import { fromWire, LinkLost, type LinkLostReason, linkError, toWire } from './error.ts'
import { Incoming } from './incoming.ts'
import { LineReader } from './line.ts'
import { errorLine, type Message, notificationLine, parseMessage, requestLine, resultLine } from './message.ts'

export interface LinkSettings {
  hello: Hello
  /** The longest line accepted, in bytes; default 1 MiB. */
  maxLineBytes?: number
  /** Bytes waiting to be written from which on nothing more is read; default 4 MiB. At four times as many it closes. */
  maxQueuedBytes?: number
  /** Calls of the other side that may be unanswered at once; more reject with `too-many`. Default: no limit. */
  maxInFlight?: number
  /** Ms of silence after which a ping is sent, and after which the other side counts as frozen; 2500 and 8000. */
  heartbeat?: { everyMs: number; deadMs: number }
  clock?: Clock
  log: Log
}

interface LinkParts<T extends LinkTypes> extends LinkSettings {
  stream: Duplex
  /** The side that listened sends the pings; the other one judges by their absence. */
  pings: boolean
  methods: Map<string, (params: never, context: CallContext<T>) => unknown>
  listeners: Map<string, (params: never, link: Link<T>) => void>
  onOpen(link: Link<T>): void
}

interface Pending {
  resolve(result: unknown): void
  reject(error: unknown): void
  settled?(): void
}

/** Ms that a peer may take to say hello. */
const HELLO_MS = 5000

/**
 * JSON-RPC 2.0 in both directions over one stream, a message a line. Made by serveLink and connectLink. What is written
 * by one callback, and by the promises that it settles, leaves as one write.
 */
export class Link<T extends LinkTypes = LinkTypes> {
  /** Resolves, never rejects, with the reason when the link is over. */
  readonly closed: Promise<LinkLost>
  /** The stream below, for what it knows of the peer (a certificate). Not to be read or written. */
  readonly stream: Duplex
  #parts: LinkParts<T>
  #clock: Clock
  #peer: Hello | null = null
  #lost: LinkLost | null = null
  #resolveClosed!: (lost: LinkLost) => void
  #pending = new Map<number, Pending>()
  #incoming = new Map<number, Incoming<T>>()
  #nextId = 1
  #queue = ''
  #flushing = false
  #paused = false
  #heard: number
  #said: number
  #beat: number
  #timer: Timer | null = null

  constructor(parts: LinkParts<T>) {
    this.#parts = parts
    this.stream = parts.stream
    this.#clock = parts.clock ?? systemClock
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    this.#heard = this.#said = this.#beat = this.#clock.now()
    this.#listen(parts.stream)
    this.#write(notificationLine('link.hello', parts.hello))
    this.#timer = this.#clock.after(HELLO_MS, () => this.#end('silent'))
  }

  /** How the other side introduced itself. */
  get peer(): Hello {
    if (!this.#peer) throw new Error('the link is not open yet')
    return this.#peer
  }

  get isOpen(): boolean {
    return this.#peer !== null && this.#lost === null
  }

  /** Calls that wait for the other side, and calls of the other side that are being answered. */
  get inFlight(): { out: number; in: number } {
    return { out: this.#pending.size, in: this.#incoming.size }
  }

  /**
   * Calls a method of the other side. Rejects with the TielineError that it threw, with LinkLost when the link ends first,
   * with `timeout`, or with the signal's reason.
   */
  call<K extends keyof Calls<T> & string>(
    method: K,
    params: Params<Calls<T>, K>,
    options?: CallOptions,
  ): Promise<Result<Calls<T>, K>> {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) return reject(this.#lost ?? new LinkLost('unreachable'))
      if (options?.signal?.aborted) return reject(options.signal.reason)
      const id = this.#nextId++
      const pending: Pending = { resolve: resolve as (result: unknown) => void, reject }
      if (options !== undefined) this.#limit(id, pending, options)
      this.#pending.set(id, pending)
      this.#write(requestLine(id, method, params))
    })
  }

  /** Tells the other side; a lost link swallows it. */
  notify<K extends keyof Says<T> & string>(name: K, params: Says<T>[K]): void {
    if (this.isOpen) this.#write(notificationLine(name, params))
  }

  /** Ends the link: what has been written still leaves, all calls reject with LinkLost. */
  close(): void {
    this.#end('closed')
  }

  /** Ends the link and tells the other side why it isn't wanted. */
  refuse(text: string): void {
    if (this.#lost) return
    this.#write(notificationLine('link.refused', { text }))
    this.#end('refused', undefined, text, true)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #listen(stream: Duplex): void {
    const lines = new LineReader(this.#parts.maxLineBytes ?? 1 << 20)
    const take = (line: string) => {
      const message = parseMessage(line)
      if (message === null) this.#end('malformed')
      else this.#receive(message)
      return this.#lost === null
    }
    stream.on('data', (chunk: Buffer) => {
      if (this.#lost) return
      this.#heard = this.#clock.now()
      if (!lines.push(chunk, take)) this.#end('too-long')
    })
    stream.on('drain', () => this.#drained())
    stream.on('end', () => this.#end('ended'))
    stream.on('close', () => this.#end('ended'))
    stream.on('error', (error) => this.#end('error', error))
  }

  #receive(message: Message): void {
    if (this.#peer === null) this.#greet(message)
    else if (message.kind === 'request') this.#answer(message.id, message.method, message.params)
    else if (message.kind === 'notification') this.#hear(message.method, message.params)
    else this.#settle(message)
  }

  #settle(message: Message & { kind: 'result' | 'error' }): void {
    const pending = this.#pending.get(message.id)
    if (!pending) return // given up meanwhile
    this.#pending.delete(message.id)
    pending.settled?.()
    if (message.kind === 'result') pending.resolve(message.result)
    else pending.reject(fromWire(message.error))
  }

  #greet(message: Message): void {
    const { method, params } = message.kind === 'notification' ? message : {}
    const hello = params as Hello | null
    if (method === 'link.refused') this.#refused(params)
    else if (method !== 'link.hello' || typeof hello?.process !== 'string' || typeof hello.version !== 'number') {
      this.#end('malformed')
    } else if (Math.abs(hello.version - this.#parts.hello.version) > 1) {
      this.refuse(`version ${hello.version} is too far from ${this.#parts.hello.version}`)
    } else this.#open(hello)
  }

  #open(hello: Hello): void {
    this.#peer = hello
    this.#timer?.cancel()
    this.#beat = this.#clock.now()
    this.#timer = this.#clock.after(this.#heartbeat.everyMs, () => this.#checkHeart())
    try {
      this.#parts.onOpen(this)
    } catch (error) {
      this.refuse(error instanceof TielineError ? error.message : 'internal error')
      if (!(error instanceof TielineError)) this.#parts.log.error({ err: error }, 'a link could not be opened')
    }
  }

  #refused(params: unknown): void {
    const text = (params as { text?: unknown } | null)?.text
    this.#end('refused', undefined, typeof text === 'string' ? text : undefined)
  }

  #hear(name: string, params: unknown): void {
    switch (name) {
      case 'link.ping':
        this.#write(notificationLine('link.pong', null))
        return
      case 'link.pong':
        return
      case 'link.refused':
        this.#refused(params)
        return
      case 'link.cancel':
        this.#incoming.get((params as { id: number } | null)?.id ?? 0)?.abort(new LinkLost('closed'))
        return
    }
    const listener = this.#parts.listeners.get(name)
    try {
      listener?.(params as never, this)
    } catch (error) {
      this.#parts.log.error({ err: error, notification: name }, 'a notification could not be handled')
    }
  }

  #answer(id: number, method: string, params: unknown): void {
    const handler = this.#parts.methods.get(method)
    const incoming = new Incoming<T>(this)
    let answer: unknown
    try {
      if (!handler) throw linkError('no-such-method', `there is no method ${method.slice(0, 64)}`)
      if (this.#incoming.size >= (this.#parts.maxInFlight ?? Infinity)) throw linkError('too-many', 'too many calls at once')
      answer = handler(params as never, incoming)
    } catch (error) {
      this.#fail(id, method, error)
      return
    }
    if (answer instanceof Promise) this.#await(id, method, answer, incoming)
    else this.#write(resultLine(id, answer))
  }

  #await(id: number, method: string, answer: Promise<unknown>, incoming: Incoming<T>): void {
    this.#incoming.set(id, incoming)
    answer.then(
      (result) => {
        this.#incoming.delete(id)
        if (!this.#lost) this.#write(resultLine(id, result))
      },
      (error) => {
        this.#incoming.delete(id)
        this.#fail(id, method, error)
      },
    )
  }

  #fail(id: number, method: string, error: unknown): void {
    if (!(error instanceof TielineError) && !this.#lost) this.#parts.log.error({ err: error, method }, 'a method failed by a bug')
    if (!this.#lost) this.#write(errorLine(id, toWire(error)))
  }

  #limit(id: number, pending: Pending, { timeoutMs, signal }: CallOptions): void {
    const giveUp = (error: unknown) => {
      if (!this.#pending.delete(id)) return
      pending.settled?.()
      this.#write(notificationLine('link.cancel', { id }))
      pending.reject(error)
    }
    const late = () => giveUp(linkError('timeout', 'the call took too long'))
    // A process that stood still finds its timers due before it has read what came meanwhile: that is read first.
    const timer = timeoutMs === undefined ? null : this.#clock.after(timeoutMs, () => setImmediate(late))
    const onAbort = () => giveUp(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    pending.settled = () => {
      timer?.cancel()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #write(line: string): void {
    if (this.#lost) return
    this.#queue += line
    if (this.#flushing) return
    this.#flushing = true
    // After the promises that are settled by now: measured cheaper than the end of the turn, and no later.
    process.nextTick(() => this.#flush())
  }

  #flush(): void {
    this.#flushing = false
    if (this.#queue === '' || this.stream.destroyed) return
    const queue = this.#queue
    this.#queue = ''
    this.#said = this.#clock.now()
    this.stream.write(queue)
    const limit = this.#parts.maxQueuedBytes ?? 4 << 20
    if (this.stream.writableLength < limit) return
    if (this.stream.writableLength >= 4 * limit) {
      this.#end('stuck')
      return
    }
    // Whoever doesn't read our answers may not ask for more of them.
    this.#paused = true
    this.stream.pause()
  }

  #drained(): void {
    this.#heard = this.#clock.now()
    if (!this.#paused) return
    this.#paused = false
    this.stream.resume()
  }

  get #heartbeat(): { everyMs: number; deadMs: number } {
    return this.#parts.heartbeat ?? { everyMs: 2500, deadMs: 8000 }
  }

  #checkHeart(): void {
    const now = this.#clock.now()
    const { everyMs, deadMs } = this.#heartbeat
    // Where this very process was held up, what the peer sent meanwhile is still unread: it gets another round.
    if (now - this.#beat > 2 * everyMs) this.#heard = now
    this.#beat = now
    if (now - this.#heard >= deadMs) {
      this.#end('silent')
      return
    }
    if (this.#parts.pings && Math.max(now - this.#heard, now - this.#said) >= 0.9 * everyMs) {
      this.#write(notificationLine('link.ping', null))
    }
    this.#timer = this.#clock.after(everyMs, () => this.#checkHeart())
  }

  #end(reason: LinkLostReason, cause?: unknown, text?: string, gently = reason === 'closed'): void {
    if (this.#lost) return
    const lost = new LinkLost(reason, cause, text)
    this.#flush()
    this.#lost = lost
    this.#timer?.cancel()
    if (gently && !this.stream.destroyed) this.#endGently()
    else this.stream.destroy()
    for (const pending of this.#pending.values()) {
      pending.settled?.()
      pending.reject(lost)
    }
    this.#pending.clear()
    for (const incoming of this.#incoming.values()) incoming.abort(lost)
    this.#incoming.clear()
    this.#resolveClosed(lost)
  }

  /** Lets the last words leave; a peer that doesn't take them within a second is cut off. */
  #endGently(): void {
    const timer = this.#clock.after(1000, () => this.stream.destroy())
    this.stream.end()
    this.stream.resume()
    this.stream.once('finish', () => this.stream.destroy())
    this.stream.once('close', () => timer.cancel())
  }
}
