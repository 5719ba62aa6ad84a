/**
 * Things in places that their names tell: a name of ours holds the number of a place and something random, so that nothing is
 * looked for in a table of all. Whether it is the one that is meant, the rest of its name says, which nobody can guess.
 */
export class Slots<T> {
  readonly #slots: (T | null)[] = []
  readonly #free: number[] = []

  /** How many are taken. */
  get size(): number {
    return this.#slots.length - this.#free.length
  }

  /** The place that is taken next. */
  get next(): number {
    return this.#free.length > 0 ? this.#free[this.#free.length - 1]! : this.#slots.length
  }

  at(slot: number): T | null {
    return this.#slots[slot] ?? null
  }

  /** Takes the {@link next} place. */
  take(thing: T): void {
    const slot = this.next
    this.#free.pop()
    this.#slots[slot] = thing
  }

  /** Another thing has a place that is taken. */
  change(slot: number, thing: T): void {
    this.#slots[slot] = thing
  }

  free(slot: number): void {
    this.#slots[slot] = null
    this.#free.push(slot)
  }

  clear(): void {
    this.#slots.length = 0
    this.#free.length = 0
  }

  *[Symbol.iterator](): Generator<T> {
    for (const thing of this.#slots) if (thing) yield thing
  }
}

/** The place that a name tells from `start`, before what is no digit; -1 where it tells none. */
export function slotOf(name: string, start: number): number {
  let slot = 0
  let i = start
  for (; i < name.length; i++) {
    const digit = name.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) break
    slot = slot * 10 + digit
    if (slot > 99_999_999) return -1
  }
  return i > start ? slot : -1
}
