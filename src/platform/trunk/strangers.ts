import type { Clock, Log } from '#lib/index.ts'

/** Sources remembered at once: a flood from forged addresses may not grow our memory (PITFALLS F06). */
const REMEMBERED = 1024

/** Log lines about strangers are this far apart, in ms. */
const LINE_EVERY_MS = 10_000

/**
 * Counts datagrams from sources that are no trunk and no site. They are dropped before they are parsed, without any
 * answer, so that a scanner learns nothing and costs nothing (PITFALLS F01, F02); what is limited here is what we say
 * of them.
 */
export class Strangers {
  readonly #clock: Clock
  readonly #log: Log
  readonly #sources = new Map<string, number>()
  #dropped = 0
  #unsaid = 0
  #lastLine = Number.NEGATIVE_INFINITY

  constructor(options: { clock: Clock; log: Log }) {
    this.#clock = options.clock
    this.#log = options.log
  }

  /** Datagrams dropped since the start. */
  get dropped(): number {
    return this.#dropped
  }

  /** Datagrams of one source, as far as it is remembered. */
  from(address: string): number {
    return this.#sources.get(address) ?? 0
  }

  knocked(address: string): void {
    this.#dropped += 1
    this.#unsaid += 1
    const count = this.#sources.get(address)
    if (count === undefined && this.#sources.size >= REMEMBERED) this.#forgetOldest()
    this.#sources.set(address, (count ?? 0) + 1)
    const now = this.#clock.now()
    if (now - this.#lastLine < LINE_EVERY_MS) return
    this.#lastLine = now
    this.#log.warn({ pii_source: address, datagrams: this.#unsaid, total: this.#dropped }, 'dropped datagrams from strangers')
    this.#unsaid = 0
  }

  #forgetOldest(): void {
    const oldest = this.#sources.keys().next()
    if (!oldest.done) this.#sources.delete(oldest.value)
  }
}
