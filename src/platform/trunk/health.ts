/** OPTIONS in a row without any answer after which a gateway is down; one may always be lost (PITFALLS S37). */
const LOST_UNTIL_DOWN = 3

/** Ms after which a gateway that was silent to a call is tried again where no OPTIONS asks it (PITFALLS S34). */
const REPROBE_MS = 30_000

/** Whether one gateway lives, from what it answers. Any answer at all is life. */
export class GatewayHealth {
  #lost = 0
  #downUntil = 0

  /** OPTIONS in a row without an answer. */
  get lost(): number {
    return this.#lost
  }

  /** Monotonic ms. */
  isDown(now: number): boolean {
    return this.#lost >= LOST_UNTIL_DOWN || now < this.#downUntil
  }

  answered(): void {
    this.#lost = 0
    this.#downUntil = 0
  }

  optionsLost(): void {
    this.#lost += 1
  }

  /** An INVITE or a REGISTER had no answer at all: others go first until it shows life, or for a while. */
  silent(now: number): void {
    this.#downUntil = now + REPROBE_MS
  }
}
