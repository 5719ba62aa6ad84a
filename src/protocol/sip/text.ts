import { inToken } from './codes.ts'
import { SipParseError } from './parse-error.ts'

const SPACE = 32
const TAB = 9
const QUOTE = 34
const BACKSLASH = 92

/** Whether a character code is SP or HTAB. */
export function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}

/** The index of the first character from `i` that is not blank. */
export function skipBlanks(text: string, i: number): number {
  while (isBlank(text.charCodeAt(i))) i++
  return i
}

const CR = 13

/** A value of several lines on one (RFC 3261 §7.3.1): each line end, with the blanks around it, becomes a space. */
export function unfold(value: string): string {
  let text = ''
  for (const line of value.split('\n')) {
    let end = line.length
    if (line.charCodeAt(end - 1) === CR) end--
    while (end > 0 && isBlank(line.charCodeAt(end - 1))) end--
    text += ` ${line.slice(Math.min(skipBlanks(line, 0), end), end)}`
  }
  return text
}

/**
 * The index just behind the quoted string that opens at `open` (RFC 3261 §25.1 quoted-string).
 * @throws SipParseError 400 when it never closes.
 */
export function endOfQuoted(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === BACKSLASH) i++
    else if (code === QUOTE) return i + 1
  }
  throw new SipParseError(400, 'Unbalanced quotes')
}

/** The text that a quoted string stands for; `quoted` has its quotes. */
export function unquote(quoted: string): string {
  const inner = quoted.slice(1, -1)
  return inner.includes('\\') ? inner.replace(/\\([\s\S])/g, '$1') : inner
}

/** A quoted string that stands for `text`. CR, LF and NUL cannot be said in one (RFC 3261 §25.1) and become spaces. */
export function quote(text: string): string {
  return `"${text.replace(/[\r\n\0]+/g, ' ').replace(/["\\]/g, '\\$&')}"`
}

/** Splits a comma-separated header value, heeding quoted strings and angle brackets. Empty elements are left out. */
export function splitList(value: string): string[] {
  if (!value.includes(',')) {
    const only = value.trim()
    return only ? [only] : []
  }
  const parts: string[] = []
  let start = 0
  let bracket = false
  for (let i = 0; i <= value.length; i++) {
    const code = value.charCodeAt(i)
    if (code === QUOTE && !bracket) i = endOfQuoted(value, i) - 1
    else if (code === 60) bracket = true
    else if (code === 62) bracket = false
    else if ((code === 44 && !bracket) || i === value.length) {
      const part = value.slice(start, i).trim()
      if (part) parts.push(part)
      start = i + 1
    }
  }
  return parts
}

/** Whether this is a token of RFC 3261 §25.1. */
export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (!inToken(text.charCodeAt(i))) return false
  return text.length > 0
}

/** The number of decimal digits alone that stands there, at most `max`; null when it is anything else. */
export function parseDigits(text: string, max: number, start = 0, end = text.length): number | null {
  if (start === end || end - start > 10) return null
  let n = 0
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return null
    n = n * 10 + digit
  }
  return n <= max ? n : null
}

const UNFIT_FOR_URI = /[\s<>"\x00-\x1f\x7f]/

/** Whether it holds what no URI holds but escaped (RFC 3261 §25.1): blanks, controls, brackets and quotes. */
export function unfitForUri(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 126) return UNFIT_FOR_URI.test(text)
    if (code < 33 || code === 34 || code === 60 || code === 62) return true
  }
  return false
}

/** What a tag cannot hold without breaking the header that it stands in. More than tokens is in use. */
const UNFIT_FOR_TAG = /[\s<>"\\,;\x00-\x1f\x7f]/

export function unfitForTag(tag: string): boolean {
  return !isToken(tag) && UNFIT_FOR_TAG.test(tag)
}

/** Texts that a regular expression looks through faster. */
const LONG = 256
const BREAKOUT = /[\r\n\0]/

/** Whether it would break out of its header line: CR, LF or NUL (PITFALLS F09). */
export function breaksOut(value: string): boolean {
  if (value.length > LONG) return BREAKOUT.test(value)
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code < 14 && (code === 13 || code === 10 || code === 0)) return true
  }
  return false
}

/**
 * A text that was put together, as one piece: what it was made of, perhaps cut out of whole messages, is not kept alive with it.
 * V8 makes one piece of it when a character is asked for.
 */
export function flat(text: string): string {
  return text.charCodeAt(text.length - 1) === 0 ? text.trimEnd() : text
}

/** A text that may have been cut out of a message, without that message. */
export function cutFree(text: string): string {
  // V8 copies what is shorter.
  return text.length < 13 ? text : flat(text.charAt(0) + text.slice(1))
}
