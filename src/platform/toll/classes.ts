import type { TollClass, TollPolicy } from '#platform/words/index.ts'

/** Finds what belongs to the longest prefix of a number, in at most as many look-ups as the longest of all prefixes has digits. */
export class PrefixFinder<T> {
  readonly #byPrefix: Map<string, T>
  readonly #longest: number

  constructor(entries: readonly (readonly [prefix: string, T])[]) {
    this.#byPrefix = new Map(entries)
    this.#longest = Math.max(0, ...entries.map(([{ length }]) => length))
  }

  /** Undefined where no prefix fits. */
  of(number: string): T | undefined {
    for (let length = Math.min(this.#longest, number.length); length >= 0; length--) {
      const found = this.#byPrefix.get(number.slice(0, length))
      if (found) return found
    }
    return undefined
  }
}

/**
 * Finds the class of a number. Numbers are E.164 with `+`; what is none, such as a short code of a carrier, has the class of the prefix
 * that it begins with, or of the empty one.
 */
export function classFinder(classes: readonly TollClass[]): PrefixFinder<TollClass> {
  return new PrefixFinder(classes.flatMap((one) => one.prefixes.map((prefix): [string, TollClass] => [prefix, one])))
}

/** What holds for a subscriber: its own word before that of the class. */
export function policyFor(one: TollClass, own: Record<string, TollPolicy> | undefined): TollPolicy {
  return own?.[one.name] ?? one.policy
}
