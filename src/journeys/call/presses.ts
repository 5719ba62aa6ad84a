/** How a key of a far end has come: in its sound, as telephone-event or tone, or beside it in an INFO. */
export type KeyWay = 'sound' | 'info'

/** Ms within which both ways tell of one press: an INFO is sent when the key goes down, or up, and may be sent again once. */
const TOGETHER_MS = 1500

/** Presses that one way alone has told of are remembered so far. */
const MOST = 16

/**
 * The keys of one leg, each counted once (PITFALLS S51): telephones are in the field that tell of every press both by telephone-event
 * and by INFO. What one way tells is what the other has told before, press for press. Pure.
 */
export class Presses {
  readonly #alone: { way: KeyWay; digit: string; at: number }[] = []

  /** Whether a key is new. `now` in ms. */
  take(way: KeyWay, digit: string, now: number): boolean {
    const alone = this.#alone
    while (alone[0] && (now - alone[0].at > TOGETHER_MS || alone.length > MOST)) alone.shift()
    const told = alone.findIndex((press) => press.digit === digit && press.way !== way)
    if (told >= 0) alone.splice(told, 1)
    else alone.push({ way, digit, at: now })
    return told < 0
  }
}
