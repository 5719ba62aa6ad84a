import { inToken } from './codes.ts'
import { canonicalName, numberAt, numberOf, OTHER } from './names.ts'

const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const COLON = 58
const DELETE = 127

/** Numbers that a line takes in {@link Head.lines}. */
export const PER_LINE = 4

/** Where the headers of a message lie in its head; nothing of their values has been read yet. */
export interface Head {
  /** The head as text, its start line included, without the empty line behind it. */
  readonly text: string
  /** The octets of a usual head, one for each character of the text; null where values have to be unfolded and trimmed. */
  readonly codes: Uint8Array | null
  /** Where the start line ends. */
  readonly startLine: number
  /** For each line: the header's number; where its name begins; where its value begins and ends. */
  readonly lines: readonly number[]
}

/** One with its octets. */
export interface UsualHead extends Head {
  readonly codes: Uint8Array
}

/** Octets and lines of a usual head; one that has more is read the other way. */
const MOST_OCTETS = 8192
const MOST_LINES = 64
const found = new Int32Array(MOST_LINES * PER_LINE)

/**
 * Reads the lines of a head as nearly everybody writes it, in one pass over its octets: ASCII without controls, each line
 * ended by CRLF, none folded, an empty one at the end. Null where it is another.
 */
export function readHead(codes: Buffer): UsualHead | null {
  const most = Math.min(codes.length, MOST_OCTETS)
  const startLine = endOfText(codes, 0, most)
  if (codes[startLine] !== CR || codes[startLine + 1] !== LF) return null
  let used = 0
  let at = startLine + 2
  while (codes[at] !== CR) {
    if (used === found.length) return null
    let i = at
    while (i < most && inToken(codes[i]!)) i++
    const number = numberAt(codes, at, i)
    if (i === at) return null
    i = skipBlanks(codes, i)
    if (codes[i] !== COLON) return null
    const value = skipBlanks(codes, i + 1)
    const stop = endOfText(codes, value, most)
    if (codes[stop] !== CR || codes[stop + 1] !== LF) return null
    const next = codes[stop + 2]
    if (next === SPACE || next === TAB) return null
    let end = stop
    while (end > value && (codes[end - 1] === SPACE || codes[end - 1] === TAB)) end--
    found[used] = number
    found[used + 1] = at
    found[used + 2] = value
    found[used + 3] = end
    used += PER_LINE
    at = stop + 2
  }
  if (codes[at + 1] !== LF) return null
  const lines = new Array<number>(used)
  for (let i = 0; i < used; i++) lines[i] = found[i]!
  return { text: codes.toString('latin1', 0, at - 2), codes, startLine, lines }
}

/** The first octet that is neither printable ASCII nor a blank. */
function endOfText(codes: Uint8Array, i: number, most: number): number {
  for (; i < most; i++) {
    const code = codes[i]!
    if ((code < SPACE && code !== TAB) || code >= DELETE) break
  }
  return i
}

function skipBlanks(codes: Uint8Array, i: number): number {
  while (codes[i] === SPACE || codes[i] === TAB) i++
  return i
}

/** Reads the lines of any head. A line without a name is reported as `bad`, after which nothing is read. */
export function readAnyLines(text: string, from: number): { lines: number[]; bad: boolean } {
  const lines: number[] = []
  let pos = from
  while (pos < text.length) {
    let eol = text.indexOf('\n', pos)
    // §7.3.1: a line that starts with a blank goes on from the one before.
    while (eol >= 0 && (text.charCodeAt(eol + 1) === SPACE || text.charCodeAt(eol + 1) === TAB)) eol = text.indexOf('\n', eol + 1)
    if (eol < 0) eol = text.length
    const colon = text.indexOf(':', pos)
    const name = colon >= 0 && colon < eol ? canonicalName(text.slice(pos, colon)) : ''
    if (!name) return { lines, bad: true }
    lines.push(numberOf(name) ?? OTHER, pos, colon + 1, eol)
    pos = eol + 1
  }
  return { lines, bad: false }
}

/** The first line from `from` on that has this number, or this name in any spelling; -1 where there is none. */
export function findLine({ text, lines }: Head, name: string | number, from = 0): number {
  const number = typeof name === 'number' ? name : numberOf(name)
  if (number !== undefined) return findNumber(lines, number, from)
  const canonical = canonicalName(name as string)
  const known = numberOf(canonical)
  if (known !== undefined) return findNumber(lines, known, from)
  for (let i = from; i < lines.length; i += PER_LINE) {
    if (lines[i] !== OTHER) continue
    const start = lines[i + 1]!
    if (canonicalName(text.slice(start, text.indexOf(':', start))) === canonical) return i
  }
  return -1
}

/** The same by its number. */
export function findNumber(lines: readonly number[], number: number, from = 0): number {
  for (let i = from; i < lines.length; i += PER_LINE) if (lines[i] === number) return i
  return -1
}
