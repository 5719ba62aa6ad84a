import { isToken } from './text.ts'

/** The compact forms of RFC 3261 §7.3.3 and of the IANA registry. */
const COMPACT: Readonly<Record<string, string>> = {
  a: 'accept-contact',
  b: 'referred-by',
  c: 'content-type',
  d: 'request-disposition',
  e: 'content-encoding',
  f: 'from',
  i: 'call-id',
  j: 'reject-contact',
  k: 'supported',
  l: 'content-length',
  m: 'contact',
  o: 'event',
  r: 'refer-to',
  s: 'subject',
  t: 'to',
  u: 'allow-events',
  v: 'via',
  x: 'session-expires',
  y: 'identity',
}

/** The headers that hold credentials, or what proves them (RFC 3261 §20.6, §20.7, §20.28). None has a compact form. */
const CREDENTIALS: readonly string[] = ['authorization', 'proxy-authorization', 'authentication-info']
const SHORTEST = 'authorization'.length

/** Headers that have a number, so that their names need not be cut out of a message; the rest is known by its name. */
const NUMBERED: readonly string[] = [
  ...['via', 'from', 'to', 'call-id', 'cseq', 'contact', 'max-forwards', 'content-length', 'content-type', 'allow'],
  ...['route', 'record-route', 'supported', 'require', 'user-agent', 'server', 'accept', 'subject', 'reason', 'expires'],
  ...['p-asserted-identity', 'privacy', 'diversion', 'session-expires', 'min-se', 'date', 'remote-party-id', 'retry-after'],
  ...['timestamp', 'warning', 'identity', 'rack', 'rseq', 'refer-to', 'history-info', 'replaces', 'content-encoding'],
  ...['event', 'allow-events', 'referred-by', 'content-disposition', 'proxy-require'],
  ...CREDENTIALS,
]

/** The number of a header that has none. */
export const OTHER = 0

const NUMBERS: ReadonlyMap<string, number> = new Map(NUMBERED.map((name, i) => [name, i + 1] as const))

function numbered(name: string): number {
  return NUMBERS.get(name)!
}

export const VIA = numbered('via')
export const FROM = numbered('from')
export const TO = numbered('to')
export const CALL_ID = numbered('call-id')
export const CSEQ = numbered('cseq')
export const CONTACT = numbered('contact')
export const CONTENT_TYPE = numbered('content-type')
export const CONTENT_LENGTH = numbered('content-length')
/** From this one on the numbers are those of {@link CREDENTIALS}. */
export const FIRST_CREDENTIAL = NUMBERED.length - CREDENTIALS.length + 1

/** The numbers of names that have so many letters. */
const BY_LENGTH: readonly (readonly number[])[] = Array.from({ length: 32 }, (_, length) =>
  NUMBERED.flatMap((name, i) => (name.length === length ? [i + 1] : [])),
)

/** By the code of a letter in lower case: the number of its long form. */
const OF_LETTER: readonly number[] = Array.from(
  { length: 128 },
  (_, code) => NUMBERS.get(COMPACT[String.fromCharCode(code)] ?? '') ?? OTHER,
)

/**
 * The number of the header whose name, a token, lies there. Compact forms of headers without a number are {@link OTHER}, as
 * are unknown names.
 */
export function numberAt(codes: Uint8Array, start: number, end: number): number {
  const length = end - start
  if (length === 1) return OF_LETTER[codes[start]! | 32]!
  const candidates = BY_LENGTH[length]
  if (candidates) for (const number of candidates) if (spells(codes, start, NUMBERED[number - 1]!)) return number
  return OTHER
}

/** Whether it is this name; the codes are those of a token, in which no other character than a letter becomes one by `| 32`. */
function spells(codes: Uint8Array, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) if ((codes[start + i]! | 32) !== name.charCodeAt(i)) return false
  return true
}

/** The number of a canonical name, or of the usual spelling that code asks by; undefined where it is in neither. */
export function numberOf(name: string): number | undefined {
  return NUMBERS.get(name)
}

/**
 * The one name that all spellings of a header share: lower case, long form, no blanks before the colon (PITFALLS F08).
 * '' when it is no token.
 */
export function canonicalName(name: string): string {
  const trimmed = name.trimEnd()
  if (!isToken(trimmed)) return ''
  const lower = trimmed.toLowerCase()
  return lower.length === 1 ? (COMPACT[lower] ?? lower) : lower
}

/** Whether a header of this name, in any spelling, shows who somebody is. */
export function isCredential(name: string): boolean {
  return name.length >= SHORTEST && CREDENTIALS.includes(canonicalName(name))
}
