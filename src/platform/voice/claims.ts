import type { Clock, Id, Timer } from '#lib/index.ts'

/** How long a call lives without a switch that claims it, ms. */
export const CLAIM_MS = 15_000

/** Whose calls the calls are: after a switch is gone, what no switch claims in time is closed. */
export class Claims {
  readonly #clock: Clock
  readonly #abandon: (calls: Id<'call'>[]) => void
  readonly #unclaimed = new Set<Id<'call'>>()
  #timer: Timer | undefined

  constructor(clock: Clock, abandon: (calls: Id<'call'>[]) => void) {
    this.#clock = clock
    this.#abandon = abandon
  }

  /** The switch is gone; `calls` are all there are. */
  lost(calls: Iterable<Id<'call'>>): void {
    for (const call of calls) this.#unclaimed.add(call)
    this.#timer?.cancel()
    this.#timer = this.#clock.after(CLAIM_MS, () => {
      const abandoned = [...this.#unclaimed]
      this.#unclaimed.clear()
      if (abandoned.length > 0) this.#abandon(abandoned)
    })
  }

  claim(calls: Iterable<Id<'call'>>): void {
    for (const call of calls) this.#unclaimed.delete(call)
  }

  close(): void {
    this.#timer?.cancel()
  }
}
