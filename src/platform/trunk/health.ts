/** OPTIONS in a row without any answer after which a server is down; one may always be lost (PITFALLS S37). */
const LOST_UNTIL_DOWN = 3

/** Ms after which a server that was silent to a call is tried again where no OPTIONS asks it (PITFALLS S34). */
const REPROBE_MS = 30_000

const MOST_UNAVAILABLE_MS = 300_000

/** Whether one server lives, from what it answers. Any answer at all is life. */
export class GatewayHealth {
  #lost = 0
  #downUntil = 0
  #unavailableUntil = 0

  /** OPTIONS in a row without an answer. */
  get lost(): number {
    return this.#lost
  }

  /** Ms for which it has said that it can't serve; 0 where it may be asked. */
  restsMs(now: number): number {
    return Math.max(0, this.#unavailableUntil - now)
  }

  /** Monotonic ms. */
  isDown(now: number): boolean {
    return this.#lost >= LOST_UNTIL_DOWN || now < Math.max(this.#downUntil, this.#unavailableUntil)
  }

  answered(): void {
    this.#lost = 0
    this.#downUntil = 0
  }

  optionsLost(): void {
    this.#lost += 1
  }

  /**
   * It has said itself for how long it can't serve (Retry-After); at most five minutes are believed (RFC 3261 §21.5.4). That it
   * lives meanwhile is no news.
   */
  unavailable(now: number, ms: number): void {
    this.#unavailableUntil = now + Math.min(ms, MOST_UNAVAILABLE_MS)
  }

  /** An INVITE or a REGISTER had no answer at all: others go first until it shows life, or for a while. */
  silent(now: number): void {
    this.#downUntil = now + REPROBE_MS
  }
}
