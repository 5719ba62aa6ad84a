/** How a key of a far end has come: in its sound, as telephone-event or tone, or beside it in an INFO. */
export type KeyWay = 'sound' | 'info'

/** A key that one way has told of. */
export interface Press {
  readonly way: KeyWay
  readonly digit: string
  readonly at: number
  /** The other way has not told of it. */
  alone: boolean
}

/** Ms within which both ways tell of one press: an INFO is sent when the key goes down, or up, and may be sent again once. */
const TOGETHER_MS = 1500

/** Presses that one way alone has told of are remembered so far. */
const MOST = 16

/**
 * The keys of one leg, each counted once (PITFALLS S51): telephones are in the field that tell of every press both by telephone-event
 * and by INFO. What one way tells is what the other has told before, press for press. Pure; `now` in ms.
 */
export class Presses {
  readonly #alone: Press[] = []
  /** Keys that are down in the sound; null for those that are not new. */
  readonly #down: { digit: string; press: Press | null }[] = []

  /** A key is down in the sound. */
  begins(digit: string, now: number): void {
    this.#down.push({ digit, press: this.#new('sound', digit, now) })
    if (this.#down.length > MOST) this.#down.shift()
  }

  /** A key is up again in the sound, or is told by an INFO; null where it is not new. */
  take(way: KeyWay, digit: string, now: number): Press | null {
    const begun = way === 'sound' ? this.#down.findIndex((key) => key.digit === digit) : -1
    return begun < 0 ? this.#new(way, digit, now) : this.#down.splice(begun, 1)[0]!.press
  }

  #new(way: KeyWay, digit: string, now: number): Press | null {
    const alone = this.#alone
    while (alone[0] && (now - alone[0].at > TOGETHER_MS || alone.length > MOST)) alone.shift()
    const told = alone.findIndex((press) => press.digit === digit && press.way !== way)
    if (told >= 0) {
      alone.splice(told, 1)[0]!.alone = false
      return null
    }
    const press = { way, digit, at: now, alone: true }
    alone.push(press)
    return press
  }
}
