import type { Clock, Timer } from '#lib/index.ts'
import type { VerbMethods } from '#platform/words/index.ts'

export type VerbName = keyof VerbMethods

/** A verb that an agent has sent and that waits to be carried out. */
export interface Verb {
  name: VerbName
  params: VerbMethods[VerbName]['params']
  /** Aborts when the agent gives it up. */
  signal: AbortSignal
  resolve(result: unknown): void
  reject(error: unknown): void
}

/** Why no agent decides over the call any more. */
export type Departure = 'agent-down' | 'late' | 'threw' | 'returned' | 'link-lost'

/**
 * Where the verbs of one call arrive. The call's own function takes them one by one, in their order, so that what a call
 * does can be read in one place.
 */
export class Desk {
  readonly #clock: Clock
  readonly #queue: Verb[] = []
  readonly #lost = new AbortController()
  #departure: Departure | null = null
  #closed: unknown
  #waiter: { resolve(next: Verb | Departure): void; reject(error: unknown): void; timer: Timer | null } | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Aborts when the agent is lost while the call goes on: a verb that only it wanted ends. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** Puts a verb on the desk; resolves with its result. */
  submit(name: VerbName, params: Verb['params'], signal: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) return reject(this.#closed)
      const verb: Verb = { name, params, signal, resolve, reject }
      if (this.#waiter) this.#settle(verb)
      else this.#queue.push(verb)
    })
  }

  /** The agent does not decide any more. Verbs that are on the desk are carried out first, unless it is lost. */
  leave(why: Departure): void {
    if (this.#departure) return
    this.#departure = why
    if (why === 'link-lost') this.#lost.abort(new Error('the agent is lost'))
    if (this.#waiter) this.#settle(why)
  }

  /** The next verb, or why none comes: `late` after `patienceMs`. Rejects when the desk is closed. */
  next(patienceMs: number): Promise<Verb | Departure> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed)
    if (this.#departure === 'link-lost') return Promise.resolve(this.#departure)
    const verb = this.#queue.shift()
    if (verb) return Promise.resolve(verb)
    if (this.#departure) return Promise.resolve(this.#departure)
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(patienceMs, () => this.leave('late'), { keepAlive: true })
      this.#waiter = { resolve, reject, timer }
    })
  }

  /** Nothing is carried out any more: everything that waits, and comes, rejects with `error`. Idempotent. */
  close(error: unknown): void {
    if (this.#closed !== undefined) return
    this.#closed = error
    for (const verb of this.#queue.splice(0)) verb.reject(error)
    const waiter = this.#waiter
    this.#waiter = null
    waiter?.timer?.cancel()
    waiter?.reject(error)
  }

  #settle(next: Verb | Departure): void {
    const waiter = this.#waiter
    this.#waiter = null
    waiter?.timer?.cancel()
    waiter?.resolve(next)
  }
}
