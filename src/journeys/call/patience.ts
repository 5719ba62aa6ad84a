import { causeOf } from '#platform/trunk/index.ts'
import type { CallCause } from '#platform/words/index.ts'
import type { Call } from './call.ts'

/**
 * How long a dialled leg may ring: its time, its caller, and whoever wanted it, each end it with a cause of their own.
 * Plain functions and no AbortSignal, since every call has one.
 */
export class Patience implements Disposable {
  readonly #release: () => void
  #spent: CallCause | null = null
  #onSpent: ((cause: CallCause) => void) | null = null

  constructor(call: Call, options: { timeoutMs: number; signal?: AbortSignal }) {
    const spend = (cause: CallCause) => {
      this.#spent ??= cause
      this.#onSpent?.(this.#spent)
    }
    const timer = call.x.clock.after(options.timeoutMs, () => spend(causeOf('switch', 'no-answer')))
    const forget = call.onOver(() => spend(call.cause ?? causeOf('switch', 'fault')))
    const onGivenUp = () => spend(causeOf('agent', 'cancelled'))
    options.signal?.addEventListener('abort', onGivenUp, { once: true })
    this.#release = () => {
      timer.cancel()
      forget()
      options.signal?.removeEventListener('abort', onGivenUp)
    }
    if (options.signal?.aborted) onGivenUp()
  }

  /** Why nobody waits any more; null while somebody does. */
  get spent(): CallCause | null {
    return this.#spent
  }

  /** Tells `run`, and it alone, when nobody waits any more; at once where that is so already. Null tells nobody. */
  tell(run: ((cause: CallCause) => void) | null): void {
    this.#onSpent = run
    if (run && this.#spent) run(this.#spent)
  }

  /** There was an answer: the waiting is over. */
  satisfied(): void {
    this.#release()
  }

  [Symbol.dispose](): void {
    this.#release()
  }
}
