import { performance } from 'node:perf_hooks'

/** A pending timer of a {@link Clock}. */
export interface Timer {
  cancel(): void
}

/**
 * Where time comes from. Durations are taken from `now`, instants from `wall`; nothing in Tieline reads a clock in any
 * other way, so that a test can turn it.
 */
export interface Clock {
  /** Monotonic time in ms, with fractions. Only differences mean anything. */
  now(): number
  /** Wall-clock time in ms since the epoch. May step; never subtract two of them. */
  wall(): number
  /** Calls `run` once after `ms`. The timer does not keep the process alive unless `keepAlive` is set. */
  after(ms: number, run: () => void, options?: { keepAlive?: boolean }): Timer
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, run, options) {
    const timeout = setTimeout(run, ms)
    if (!options?.keepAlive) timeout.unref()
    return new SystemTimer(timeout)
  },
}

/** A class and no closure, which would be two objects more: a call has three timers as long as it is up. */
class SystemTimer implements Timer {
  readonly #timeout: NodeJS.Timeout

  constructor(timeout: NodeJS.Timeout) {
    this.#timeout = timeout
  }

  cancel(): void {
    clearTimeout(this.#timeout)
  }
}

/** Resolves after `ms` of `clock`; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      timer.cancel()
      reject(signal?.reason)
    }
    const timer = clock.after(
      ms,
      () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      },
      { keepAlive: true },
    )
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** A clock that stands still until a test turns it. Timers run in the order of their deadlines. */
export class TurnedClock implements Clock {
  #now = 0
  #wall: number
  #timers: { at: number; run: () => void }[] = []

  constructor(wall = Date.UTC(2026, 10, 23)) {
    this.#wall = wall
  }

  now(): number {
    return this.#now
  }

  wall(): number {
    return this.#wall
  }

  after(ms: number, run: () => void): Timer {
    const timer = { at: this.#now + Math.max(0, ms), run }
    this.#timers.push(timer)
    return {
      cancel: () => {
        const i = this.#timers.indexOf(timer)
        if (i >= 0) this.#timers.splice(i, 1)
      },
    }
  }

  /** How many timers are pending: zero after a test that leaves nothing behind. */
  get pending(): number {
    return this.#timers.length
  }

  /** Moves the wall clock alone, as NTP or an operator would. */
  step(ms: number): void {
    this.#wall += ms
  }

  /** Moves both clocks forward by `ms`, running each timer at its own time. */
  turn(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      let next: { at: number; run: () => void } | undefined
      for (const t of this.#timers) if (t.at <= end && (!next || t.at < next.at)) next = t
      if (!next) break
      this.#timers.splice(this.#timers.indexOf(next), 1)
      this.#wall += next.at - this.#now
      this.#now = next.at
      next.run()
    }
    this.#wall += end - this.#now
    this.#now = end
  }

  /** Like {@link turn}, letting promises settle after each timer. */
  async turnAsync(ms: number, stepMs = 10): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.turn(Math.min(stepMs, left))
      await new Promise(setImmediate)
    }
  }
}
