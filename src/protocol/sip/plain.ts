import { NameAddr, Via } from './address.ts'
import { inHost, inParam, inToken, inUser } from './codes.ts'
import { NO_PARAMS } from './params.ts'
import type { SipUri } from './uri.ts'

/**
 * What nearly everybody writes, recognised in one pass over its octets and without making anything of it: whatever is plain here is
 * read without a fault by the parsers, which alone judge the rest. `end` is where a value of a usual head ends.
 */

const TAB = 9
const SPACE = 32
const QUOTE = 34
const COLON = 58
const SEMICOLON = 59
const LESS = 60
const EQUALS = 61
const GREATER = 62
const AT = 64
const BACKSLASH = 92

/** Said of what is not plain. */
const NOT_PLAIN = -1

const SIP = octetsOf('sip:')
const TAG = octetsOf('tag')
const RPORT = octetsOf('rport')
const BRANCH = octetsOf('branch')

/** Behind a `sip:user@host:port` with plain parameters that begins at `i`; -1 where it is something else. */
function endOfUri(codes: Uint8Array, i: number, end: number): number {
  if (!begins(codes, i, SIP)) return NOT_PLAIN
  const start = i + SIP.length
  i = start
  while (i < end && inUser(codes[i]!)) i++
  let host = start
  if (i < end && codes[i] === AT) host = i + 1
  i = host
  while (i < end && inHost(codes[i]!)) i++
  if (i === host || i === end) return i === host ? NOT_PLAIN : i
  if (codes[i] !== COLON) return i
  let port = 0
  const digits = ++i
  for (; i < end && i - digits < 6; i++) {
    const digit = codes[i]! - 48
    if (digit < 0 || digit > 9) break
    port = port * 10 + digit
  }
  return port > 0 && port < 65_536 ? i : NOT_PLAIN
}

/** Behind plain parameters from `i` on, as far as there are any. */
function endOfUriParams(codes: Uint8Array, i: number, end: number): number {
  while (i < end && codes[i] === SEMICOLON) {
    const name = ++i
    while (i < end && inParam(codes[i]!)) i++
    if (i === name) return NOT_PLAIN
    if (i < end && codes[i] === EQUALS)
      do i++
      while (i < end && inParam(codes[i]!))
  }
  return i
}

/** Whether this is a plain URI with nothing before or behind it. */
export function isPlainUri(codes: Uint8Array, start: number, end: number): boolean {
  const i = endOfUri(codes, start, end)
  return i >= 0 && endOfUriParams(codes, i, end) === end
}

/** Where the tag of a plain address lies: its start times 1024 and its length, 0 where there is none; -1 where the address is not plain. */
export function tagOfPlain(codes: Uint8Array, start: number, end: number): number {
  let i = start
  let code = codes[i]!
  if (code === QUOTE) {
    do code = codes[++i]!
    while (i < end && code !== QUOTE && code !== BACKSLASH)
    if (code !== QUOTE) return NOT_PLAIN
    i++
  } else {
    while (i < end && (inToken(code) || code === SPACE || code === TAB)) code = codes[++i]!
    // Without brackets, what looked like a name was the scheme.
    if (code === COLON) i = start
  }
  while (i < end && (codes[i] === SPACE || codes[i] === TAB)) i++
  if (codes[i] !== LESS) {
    i = i === start ? endOfUri(codes, start, end) : NOT_PLAIN
  } else {
    i = endOfUri(codes, i + 1, end)
    if (i >= 0) i = endOfUriParams(codes, i, end)
    if (i < 0 || i >= end || codes[i] !== GREATER) return NOT_PLAIN
    i++
  }
  return i < 0 ? NOT_PLAIN : tagIn(codes, i, end)
}

/** The URI of a plain address, cut out of the text that its octets are; null where the address is not plain. */
export function uriOfPlain(text: string, codes: Uint8Array, start: number, end: number): string | null {
  // A name in quotes may hold a bracket.
  if (codes[start] === QUOTE || tagOfPlain(codes, start, end) < 0) return null
  const open = indexOf(codes, LESS, start, end)
  const first = open < end ? open + 1 : start
  return text.slice(first, indexOf(codes, open < end ? GREATER : SEMICOLON, first, end))
}

/** A plain URI without parameters, cut out of the text that its octets are; null for another. */
export function readPlainUri(text: string, codes: Uint8Array, start: number, end: number): SipUri | null {
  if (endOfUri(codes, start, end) !== end) return null
  const first = start + SIP.length
  const at = indexOf(codes, AT, first, end)
  const host = at < end ? at + 1 : first
  const stop = indexOf(codes, COLON, host, end)
  const user = at < end ? text.slice(first, at) : undefined
  const port = stop < end ? digitsAt(codes, 65_535, stop + 1, end)! : undefined
  return { scheme: 'sip', user, host: text.slice(host, stop), port, params: NO_PARAMS, headers: undefined }
}

/** A plain address in brackets whose URI has no parameters, cut out of the text that its octets are; null for another. */
export function readPlainAddress(text: string, codes: Uint8Array, start: number, end: number): NameAddr | null {
  if (tagOfPlain(codes, start, end) < 0) return null
  const quoted = codes[start] === QUOTE
  const behindName = quoted ? indexOf(codes, QUOTE, start + 1, end) : start
  const open = indexOf(codes, LESS, behindName, end)
  const close = indexOf(codes, GREATER, open, end)
  const uri = readPlainUri(text, codes, open + 1, close)
  if (!uri) return null
  const name = quoted ? text.slice(start + 1, behindName) : text.slice(start, open).trim()
  return new NameAddr(name, text.slice(open + 1, close), text.slice(close + 1, end), uri)
}

/** `end` where there is none. */
function indexOf(codes: Uint8Array, code: number, start: number, end: number): number {
  let i = start
  while (i < end && codes[i] !== code) i++
  return i
}

/** The first `tag` of the parameters from `i` on, all of them tokens with tokens. */
function tagIn(codes: Uint8Array, i: number, end: number): number {
  let tag = 0
  while (i < end) {
    if (codes[i] !== SEMICOLON) return NOT_PLAIN
    const name = ++i
    while (i < end && inToken(codes[i]!)) i++
    if (i === name) return NOT_PLAIN
    const stop = i
    if (i === end || codes[i] !== EQUALS) {
      if (isNamed(codes, name, i, TAG)) return NOT_PLAIN
      continue
    }
    const value = ++i
    while (i < end && inToken(codes[i]!)) i++
    if (i === value || i - value > 1023) return NOT_PLAIN
    if (tag === 0 && isNamed(codes, name, stop, TAG)) tag = value * 1024 + i - value
  }
  return tag
}

/** A word of ASCII as octets, to be compared with others: a text is asked for each of its characters, at a price. */
export function octetsOf(word: string): Uint8Array {
  return new TextEncoder().encode(word)
}

export function begins(codes: Uint8Array, start: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) if (codes[start + i] !== word[i]) return false
  return true
}

/** Whether this is the name of a parameter, which is a token, in any spelling. */
function isNamed(codes: Uint8Array, start: number, end: number, name: Uint8Array): boolean {
  if (end - start !== name.length) return false
  for (let i = 0; i < name.length; i++) if ((codes[start + i]! | 32) !== name[i]) return false
  return true
}

/** The number of decimal digits alone that stands there, at most `max`; null when it is anything else. */
export function digitsAt(codes: Uint8Array, max: number, start: number, end: number): number | null {
  if (start === end || end - start > 10) return null
  let n = 0
  for (let i = start; i < end; i++) {
    const digit = codes[i]! - 48
    if (digit < 0 || digit > 9) return null
    n = n * 10 + digit
  }
  return n <= max ? n : null
}

const SENT_BY_UDP = octetsOf('SIP/2.0/UDP ')

/** A Via over UDP, the only one of its line, whose parameters are tokens, cut out of the text that its octets are; null for another. */
export function readPlainVia(text: string, codes: Uint8Array, start: number, end: number): Via | null {
  if (!begins(codes, start, SENT_BY_UDP)) return null
  const host = start + SENT_BY_UDP.length
  let i = host
  while (i < end && inHost(codes[i]!)) i++
  if (i === host) return null
  const afterHost = i
  let port: number | undefined
  if (i < end && codes[i] === COLON) {
    port = 0
    const digits = ++i
    for (; i < end && i - digits < 6; i++) {
      const digit = codes[i]! - 48
      if (digit < 0 || digit > 9) break
      port = port * 10 + digit
    }
    if (port < 1 || port > 65_535) return null
  }
  let branch: string | undefined
  let rport = false
  while (i < end) {
    if (codes[i] !== SEMICOLON) return null
    const name = ++i
    while (i < end && inToken(codes[i]!)) i++
    if (i === name) return null
    const stop = i
    let value = i
    if (i < end && codes[i] === EQUALS) {
      value = ++i
      while (i < end && inToken(codes[i]!)) i++
    }
    if (isNamed(codes, name, stop, RPORT)) rport = true
    else if (branch === undefined && isNamed(codes, name, stop, BRANCH)) branch = text.slice(value, i)
  }
  return new Via(text.slice(start, end), 'UDP', text.slice(host, afterHost), port, branch, rport)
}
