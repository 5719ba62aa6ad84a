import { notExpectable } from './speech-engine.ts'

const DIGITS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']

/** Words of all phrases together. */
const MOST_WORDS = 2000

/**
 * Phrases as the engine has them: small letters, digits one by one in words. What is no word is refused and not left out, so
 * that nothing in a phrase can become part of the grammar's own language. @throws `invalid-argument`
 */
export class Grammar {
  /** The phrase as it was given, by its words. */
  readonly #given = new Map<string, string>()
  readonly words = new Set<string>()

  constructor(phrases: readonly string[]) {
    for (const phrase of phrases) {
      const words = wordsOf(phrase)
      this.#given.set(words.join(' '), phrase)
      for (const word of words) this.words.add(word)
    }
    if (this.#given.size === 0) throw notExpectable('there is no phrase')
    if (this.words.size > MOST_WORDS) throw notExpectable('there are too many words')
  }

  /** The grammar in the JSpeech Grammar Format: one of the phrases. */
  get jsgf(): string {
    return `#JSGF V1.0;\ngrammar phrases;\npublic <phrase> = (${[...this.#given.keys()].join(' | ')});\n`
  }

  /** The phrase as it was given; undefined for what is none. */
  given(heard: string): string | undefined {
    return this.#given.get(heard)
  }
}

function wordsOf(phrase: string): string[] {
  const spoken = phrase
    .normalize('NFKC')
    .replaceAll('’', "'")
    .toLowerCase()
    .replaceAll(/[0-9]/g, (digit) => ` ${DIGITS[Number(digit)]} `)
  const words = spoken.split(/[\s,.?!-]+/).filter((word) => word !== '')
  if (words.length === 0 || !words.every((word) => /^[a-z]+('[a-z]+)*$/.test(word)))
    throw notExpectable(`${JSON.stringify(phrase)} is not made of words and digits alone`)
  return words
}
