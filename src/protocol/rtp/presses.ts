/** How a key of a far end has come: in its sound, as telephone-event or tone, or beside it in an INFO. */
export type KeyWay = 'sound' | 'info'

/** A key that one way has told of. */
export interface Press {
  readonly way: KeyWay
  readonly digit: string
  /** When it was told of, or the key was up. */
  at: number
  /** The other way has not told of it. */
  alone: boolean
}

/** Ms within which both ways tell of one press: an INFO is sent when the key goes down, or up, however long that is, and may be sent again once. */
const TOGETHER_MS = 1500

/** Ms that a far end whose sound never tells has for it all the same. */
const SILENT_MS = 150

/** Presses that one way alone has told of are remembered so far. */
const MOST = 16

/**
 * The keys of one leg, each counted once (PITFALLS S51): telephones are in the field that tell of every press both by telephone-event
 * and by INFO. What one way tells is what the other has told before, press for press. Pure; `now` in ms.
 */
export class Presses {
  #alone: Press[] = []
  /** The key that is down in the sound; its press is null where it is not new. */
  #down: { digit: string; press: Press | null } | null = null

  /** Whether the sound has ever told of a key, and whether an INFO has turned out to be alone. */
  #bySound = false
  #byInfoAlone = false
  #dueAt = 0

  /** A key is down in the sound; the one before it is up, whether or not that was told. Null where it is not new. */
  begins(digit: string, now: number): Press | null {
    const press = this.#new('sound', digit, now)
    this.#down = { digit, press }
    return press
  }

  /**
   * When it is clear of an INFO that was just told whether the sound tells of the same key, which is its source where it ever did. In
   * the order of the INFOs: none is clear before the one that came before it.
   */
  dueAt(now: number): number {
    const waits = this.#bySound || !this.#byInfoAlone ? TOGETHER_MS : SILENT_MS
    this.#dueAt = Math.max(this.#dueAt, now + waits)
    return this.#dueAt
  }

  /** It is clear now. @returns whether the INFO alone has told of it */
  settle(press: Press): boolean {
    if (press.alone) this.#byInfoAlone = true
    return press.alone
  }

  /** A key is up again in the sound, or is told by an INFO; null where it is not new. */
  take(way: KeyWay, digit: string, now: number): Press | null {
    const down = way === 'sound' && this.#down?.digit === digit ? this.#down : null
    if (!down) return this.#new(way, digit, now)
    this.#down = null
    if (down.press) down.press.at = now
    return down.press
  }

  #new(way: KeyWay, digit: string, now: number): Press | null {
    if (way === 'sound') this.#bySound = true
    const down = this.#down?.press
    this.#alone = this.#alone.filter((press) => press === down || now - press.at <= TOGETHER_MS).slice(-MOST)
    const told = this.#alone.findIndex((press) => press.digit === digit && press.way !== way)
    if (told >= 0) {
      this.#alone.splice(told, 1)[0]!.alone = false
      return null
    }
    const press = { way, digit, at: now, alone: true }
    this.#alone.push(press)
    return press
  }
}
