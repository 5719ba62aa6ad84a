import type { Clock, Id, Log, Timer } from '#lib/index.ts'
import type { Publisher } from '#platform/subscriber/index.ts'

/** The switch knows what it has spent itself: this only keeps what it has to remember of it short. */
const LATEST_MS = 2000

/** Publishes what has become of balances, of many charges once. */
export class Balances implements Disposable {
  readonly #options: { publisher: Pick<Publisher, 'publish'>; clock: Clock; log: Log }
  readonly #changed = new Set<Id<'sub'>>()
  #timer: Timer | null = null

  constructor(options: { publisher: Pick<Publisher, 'publish'>; clock: Clock; log: Log }) {
    this.#options = options
  }

  charged(subscribers: readonly Id<'sub'>[]): void {
    for (const id of subscribers) this.#changed.add(id)
    this.#timer ??= this.#options.clock.after(LATEST_MS, () => {
      this.#timer = null
      const all = [...this.#changed]
      this.#changed.clear()
      void this.publish(all)
    })
  }

  /** Where it cannot be told now, it is with the next publication. */
  publish(subscribers: Id<'sub'>[]): Promise<void> {
    const { publisher, log } = this.#options
    return publisher
      .publish({ subscribers })
      .catch((error: unknown) => log.warn({ err: error }, 'balances will be published later'))
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel()
  }
}
