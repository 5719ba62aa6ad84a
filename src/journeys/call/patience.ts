import { causeOf } from '#platform/trunk/index.ts'
import type { CallCause } from '#platform/words/index.ts'
import type { Call } from './call.ts'

/**
 * How long a dialled leg may ring: its time, its caller, and whoever wanted it, each end it with a cause of their own.
 * Plain functions and no AbortSignal, since every call has one.
 */
export class Patience implements Disposable {
  readonly #release: () => void
  /** Nobody waits any more, for this cause. */
  readonly giveUp: (cause: CallCause) => void
  #spent: CallCause | null = null
  #onSpent: readonly ((cause: CallCause) => void)[] = []

  /** `within`: whose end is its own too. A time without end is that of `within` alone. */
  constructor(call: Call, options: { timeoutMs: number; signal?: AbortSignal; within?: Patience }) {
    const spend = (cause: CallCause) => {
      this.#spent ??= cause
      for (const run of this.#onSpent) run(this.#spent)
    }
    this.giveUp = spend
    const { timeoutMs, within } = options
    const timer = Number.isFinite(timeoutMs) ? call.x.clock.after(timeoutMs, () => spend(causeOf('switch', 'no-answer'))) : null
    const forget = within ? within.tell(spend) : call.onOver(() => spend(call.cause ?? causeOf('switch', 'fault')))
    const onGivenUp = () => spend(causeOf('agent', 'cancelled'))
    options.signal?.addEventListener('abort', onGivenUp, { once: true })
    const release = () => {
      timer?.cancel()
      forget()
      options.signal?.removeEventListener('abort', onGivenUp)
    }
    this.#release = release
    if (options.signal?.aborted) onGivenUp()
  }

  /** A part of this time, no longer than these seconds, where there are any. */
  part(call: Call, seconds: number | undefined): Patience {
    return new Patience(call, { timeoutMs: (seconds ?? Number.POSITIVE_INFINITY) * 1000, within: this })
  }

  /** Why nobody waits any more; null while somebody does. */
  get spent(): CallCause | null {
    return this.#spent
  }

  /** Tells `run` when nobody waits any more; at once where that is so already. What comes back takes that back. */
  tell(run: (cause: CallCause) => void): () => void {
    this.#onSpent = [...this.#onSpent, run]
    if (this.#spent) run(this.#spent)
    return () => {
      this.#onSpent = this.#onSpent.filter((other) => other !== run)
    }
  }

  /** There was an answer: the waiting is over. */
  satisfied(): void {
    this.#release()
  }

  [Symbol.dispose](): void {
    this.#release()
  }
}
