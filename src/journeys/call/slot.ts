import type { Id } from '#lib/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { CallCause } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import type { Exchange } from './exchange.ts'
import { verbError } from './over.ts'
import type { Joiner } from './wish.ts'

/** How long a call is parked where nobody says otherwise, in seconds. */
export const PARKING_SECONDS = 120

/** A slot in which a call waits for whoever comes. It is the call's from the moment it is made until it is disposed of. */
export class Slot implements Disposable {
  readonly name: string
  readonly call: Call
  readonly #key: string
  readonly #x: Exchange
  #came = Promise.withResolvers<Joiner | null>()
  #taken: { refuse(cause: CallCause): void } | null = null
  #closed = false

  constructor(call: Call, name: string) {
    this.name = name
    this.call = call
    this.#x = call.x
    this.#key = keyOf(call.subscriber.id, name)
    if (this.#x.slots.has(this.#key)) throw verbError('invalid-argument', 'a call is in that slot already')
    this.#x.slots.set(this.#key, this)
  }

  /** Whoever comes first has the call, which ends its own. Resolves with why somebody has not got it, and else never. */
  take(joiner: Joiner): Promise<CallCause> {
    if (this.#closed || this.#taken) return Promise.resolve(causeOf('switch', 'unallocated'))
    const { promise, resolve } = Promise.withResolvers<CallCause>()
    this.#taken = { refuse: resolve }
    this.#came.resolve(joiner)
    return promise
  }

  /** Resolves with who has come, or with null when nobody is waited for any more. */
  next(): Promise<Joiner | null> {
    return this.#came.promise
  }

  /** Nobody is waited for any more; whoever is on the way in still comes. */
  close(): void {
    this.#closed = true
    if (!this.#taken) this.#came.resolve(null)
  }

  /** Whoever has come could not be had: it is told, and the next one is waited for. */
  failed(cause: CallCause): void {
    this.#taken?.refuse(cause)
    this.#taken = null
    this.#came = Promise.withResolvers()
    if (this.#closed) this.#came.resolve(null)
  }

  [Symbol.dispose](): void {
    this.#x.slots.delete(this.#key)
  }
}

/** The slot of the subscriber with this name, in which a call is parked. */
export function slotNamed(x: Exchange, subscriber: Id<'sub'>, name: string): Slot | undefined {
  return x.slots.get(keyOf(subscriber, name))
}

function keyOf(subscriber: Id<'sub'>, name: string): string {
  return `${subscriber} ${name}`
}

/** Slots that a telephone can send a call to, by a REFER: a star and digits, which no telephone or extension is called. */
export function slotOf(call: Call, user: string): string | null {
  return /^\*\d{1,6}$/.test(user) && !call.x.telephones.knows(call.subscriber.id, user) ? user : null
}
