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

const USUAL = [
  ...['Via', 'From', 'To', 'Call-ID', 'CSeq', 'Contact', 'Max-Forwards', 'Content-Length', 'Content-Type', 'Allow'],
  ...['Route', 'Record-Route', 'Supported', 'Require', 'User-Agent', 'Server', 'Accept', 'Subject', 'Reason', 'Expires'],
  ...['P-Asserted-Identity', 'Privacy', 'Diversion', 'Session-Expires', 'Min-SE', 'Date', 'Call-Id', 'Content-length'],
  ...['Remote-Party-ID', 'Retry-After', 'Timestamp', 'Warning', 'Identity', 'RAck', 'RSeq', 'Refer-To', 'History-Info'],
]

/** The spellings that nearly every message uses, so that most names need no lower-casing. */
const SPELLINGS: ReadonlyMap<string, string> = new Map([
  ...USUAL.map((name) => [name, name.toLowerCase()] as const),
  ...USUAL.map((name) => [name.toLowerCase(), name.toLowerCase()] as const),
  ...Object.entries(COMPACT),
  ...Object.entries(COMPACT).map(([short, long]) => [short.toUpperCase(), long] as const),
])

/**
 * The one name that all spellings of a header share: lower case, long form, no blanks before the colon (PITFALLS F08).
 * '' when it is no token.
 */
export function canonicalName(name: string): string {
  const known = SPELLINGS.get(name)
  if (known !== undefined) return known
  const trimmed = name.trimEnd()
  if (!isToken(trimmed)) return ''
  const lower = trimmed.toLowerCase()
  return lower.length === 1 ? (COMPACT[lower] ?? lower) : lower
}
