import { SipParseError } from './parse-error.ts'
import { endOfQuoted, skipBlanks, unquote } from './text.ts'

/** The parameters behind a header value: `;tag=1;lr`. Names are compared without case; the first of a name counts. */
export class Params {
  /** Name, value, name, value … Names are lower case; a parameter without value has ''. */
  readonly #flat: readonly string[]

  constructor(flat: readonly string[]) {
    this.#flat = flat
  }

  /** The value; '' when it has none; undefined when the parameter is absent. */
  get(name: string): string | undefined {
    const flat = this.#flat
    for (let i = 0; i < flat.length; i += 2) if (flat[i] === name) return flat[i + 1]
    return undefined
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  *[Symbol.iterator](): Generator<[name: string, value: string]> {
    for (let i = 0; i < this.#flat.length; i += 2) yield [this.#flat[i]!, this.#flat[i + 1]!]
  }
}

export const NO_PARAMS = new Params([])

/**
 * Reads `*( SEMI name [ EQUAL value ] )` from `i` to the end of the text. A last `;` with nothing behind
 * it is forgiven, as deployed systems send it.
 * @throws SipParseError 400
 */
export function parseParams(text: string, i: number): Params {
  i = skipBlanks(text, i)
  if (i >= text.length) return NO_PARAMS
  const flat: string[] = []
  while (i < text.length) {
    if (text.charCodeAt(i) !== 59) throw new SipParseError(400, 'Malformed parameter')
    i = skipBlanks(text, i + 1)
    const start = i
    let code = text.charCodeAt(i)
    while (i < text.length && code !== 59 && code !== 61) code = text.charCodeAt(++i)
    const name = text.slice(start, i).trim().toLowerCase()
    let value = ''
    if (code === 61) {
      i = skipBlanks(text, i + 1)
      if (text.charCodeAt(i) === 34) {
        const end = endOfQuoted(text, i)
        value = unquote(text.slice(i, end))
        i = skipBlanks(text, end)
      } else {
        const from = i
        while (i < text.length && text.charCodeAt(i) !== 59) i++
        value = text.slice(from, i).trim()
      }
    }
    if (name) flat.push(name, value)
    else if (i < text.length || value) throw new SipParseError(400, 'Empty parameter')
  }
  return new Params(flat)
}
