import type { Timer } from '#lib/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { CallCause } from '#platform/words/index.ts'
import type { Call } from './call.ts'

/** What ends when nobody waits any more: a leg that rings, or a part of the time. */
interface Waiting {
  end(cause: CallCause): void
}

const NOTHING: readonly Waiting[] = []

/**
 * How long a dialled leg may ring: its time, its caller, and whoever wanted it, each end it with a cause of their own.
 * Plain functions and no AbortSignal, since every call has one.
 */
export class Patience implements Waiting, Disposable {
  readonly #call: Call
  readonly #within: Patience | null
  readonly #timer: Timer | null
  readonly #signal: AbortSignal | undefined
  readonly #onGivenUp: (() => void) | undefined
  readonly #onOver: (() => void) | undefined
  #spent: CallCause | null = null
  #waiting = NOTHING

  /** `within`: whose end is its own too. A time without end is that of `within` alone. */
  constructor(call: Call, options: { timeoutMs: number; signal?: AbortSignal; within?: Patience }) {
    const { timeoutMs, signal, within = null } = options
    this.#call = call
    this.#within = within
    const limited = Number.isFinite(timeoutMs)
    this.#timer = limited ? call.x.clock.after(timeoutMs, () => this.end(causeOf('switch', 'no-answer'))) : null
    if (within) within.add(this)
    else {
      const onOver = () => this.end(call.cause ?? causeOf('switch', 'fault'))
      this.#onOver = onOver
      call.onOver(onOver)
    }
    if (!signal) return
    const onGivenUp = () => this.end(causeOf('agent', 'cancelled'))
    this.#signal = signal
    this.#onGivenUp = onGivenUp
    signal.addEventListener('abort', onGivenUp, { once: true })
    if (signal.aborted) onGivenUp()
  }

  /** A part of this time, no longer than these seconds, where there are any. */
  part(call: Call, seconds: number | undefined): Patience {
    return new Patience(call, { timeoutMs: (seconds ?? Number.POSITIVE_INFINITY) * 1000, within: this })
  }

  /** Why nobody waits any more; null while somebody does. */
  get spent(): CallCause | null {
    return this.#spent
  }

  /** Nobody waits any more. The first cause counts. */
  end(cause: CallCause): void {
    this.#spent ??= cause
    for (const one of this.#waiting) one.end(this.#spent)
  }

  /** Ends it with the waiting; at once where nobody waits any more. */
  add(one: Waiting): void {
    this.#waiting = [...this.#waiting, one]
    if (this.#spent) one.end(this.#spent)
  }

  remove(one: Waiting): void {
    this.#waiting = this.#waiting.filter((other) => other !== one)
  }

  /** There was an answer: the waiting is over. */
  satisfied(): void {
    this.#timer?.cancel()
    this.#within?.remove(this)
    if (this.#onOver) this.#call.forget(this.#onOver)
    if (this.#onGivenUp) this.#signal?.removeEventListener('abort', this.#onGivenUp)
  }

  [Symbol.dispose](): void {
    this.satisfied()
  }
}
