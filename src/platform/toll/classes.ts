import type { TollClass, TollPolicy } from '#platform/words/index.ts'

/**
 * Finds the class of a number in at most as many look-ups as the longest prefix has digits. Numbers are E.164 with `+`; what is
 * none, such as a short code of a carrier, has the class of the prefix that it begins with, or of the empty one.
 */
export class ClassFinder {
  readonly #byPrefix = new Map<string, TollClass>()
  readonly #longest: number

  constructor(classes: readonly TollClass[]) {
    for (const one of classes) for (const prefix of one.prefixes) this.#byPrefix.set(prefix, one)
    this.#longest = Math.max(0, ...[...this.#byPrefix.keys()].map(({ length }) => length))
  }

  /** Undefined where no prefix fits. */
  of(number: string): TollClass | undefined {
    for (let length = Math.min(this.#longest, number.length); length >= 0; length--) {
      const found = this.#byPrefix.get(number.slice(0, length))
      if (found) return found
    }
    return undefined
  }
}

/** What holds for a subscriber: its own word before that of the class. */
export function policyFor(one: TollClass, own: Record<string, TollPolicy> | undefined): TollPolicy {
  return own?.[one.name] ?? one.policy
}
