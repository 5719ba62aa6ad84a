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

/** The numbers by which what is looked for in each call is asked for: a name would have to be looked up first. */
export const HEADER = {
  via: numbered('via'),
  from: numbered('from'),
  to: numbered('to'),
  callId: numbered('call-id'),
  cseq: numbered('cseq'),
  contact: numbered('contact'),
  maxForwards: numbered('max-forwards'),
  contentType: numbered('content-type'),
  contentLength: numbered('content-length'),
  contentEncoding: numbered('content-encoding'),
  accept: numbered('accept'),
  allow: numbered('allow'),
  supported: numbered('supported'),
  require: numbered('require'),
  recordRoute: numbered('record-route'),
  sessionExpires: numbered('session-expires'),
  minSe: numbered('min-se'),
  rseq: numbered('rseq'),
  replaces: numbered('replaces'),
  assertedIdentity: numbered('p-asserted-identity'),
  privacy: numbered('privacy'),
  diversion: numbered('diversion'),
  historyInfo: numbered('history-info'),
  identity: numbered('identity'),
  date: numbered('date'),
} as const

/** From this one on the numbers are those of {@link CREDENTIALS}. */
export const FIRST_CREDENTIAL = NUMBERED.length - CREDENTIALS.length + 1

/** The octets of all names, one behind the other, and where that of each number begins: a text is asked for its characters, at a price. */
const OCTETS = new TextEncoder().encode(NUMBERED.join(''))
const BEGINS = new Uint16Array(NUMBERED.length + 1)
/** Names that share first letter and length: the first of them, and by the number of each the next one. */
const FIRST_OF = new Uint8Array(32 * 32)
const NEXT_OF = new Uint8Array(NUMBERED.length + 1)
NUMBERED.reduce((begin, name, i) => {
  const slot = slotOf(name.charCodeAt(0), name.length)
  BEGINS[i + 1] = begin
  NEXT_OF[i + 1] = FIRST_OF[slot]!
  FIRST_OF[slot] = i + 1
  return begin + name.length
}, 0)

/** A letter in any case, and a length below 32. */
function slotOf(letter: number, length: number): number {
  return (letter & 31) * 32 + length
}

/** By the code of a letter in lower case: the number of its long form. */
const OF_LETTER = Uint8Array.from({ length: 128 }, (_, code) => NUMBERS.get(COMPACT[String.fromCharCode(code)] ?? '') ?? OTHER)

/**
 * The number of the header whose name, a token, lies there. Compact forms of headers without a number are {@link OTHER}, as
 * are unknown names.
 */
export function numberAt(codes: Uint8Array, start: number, end: number): number {
  const length = end - start
  if (length === 1) return OF_LETTER[codes[start]! | 32]!
  if (length > 31) return OTHER
  let number = FIRST_OF[slotOf(codes[start]!, length)]!
  while (number !== OTHER && !spells(codes, start, length, BEGINS[number]!)) number = NEXT_OF[number]!
  return number
}

/** Whether it is this name; the codes are those of a token, in which no other character than a letter becomes one by `| 32`. */
function spells(codes: Uint8Array, start: number, length: number, name: number): boolean {
  for (let i = 0; i < length; i++) if ((codes[start + i]! | 32) !== OCTETS[name + i]!) return false
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

/** Whether a header of this name, a token in any spelling, shows who somebody is. */
export function isCredential(name: string): boolean {
  for (const credential of CREDENTIALS) if (credential.length === name.length && credential === name.toLowerCase()) return true
  return false
}
