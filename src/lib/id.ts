import { randomFillSync } from 'node:crypto'

/** The type prefixes of our identifiers. An id is a prefix, `_` and the 32 hex digits of a UUIDv7 (RFC 9562 §5.7). */
export type IdPrefix =
  | 'agt' // an agent version
  | 'call'
  | 'crt' // a certificate
  | 'evt'
  | 'inv' // an invoice
  | 'key' // an API key
  | 'leg'
  | 'lse' // a lease
  | 'med' // a voice endpoint
  | 'node'
  | 'num' // a telephone number
  | 'per' // a billing period
  | 'plan'
  | 'rec' // a recording
  | 'sub' // a subscriber
  | 'top' // what was paid in, in advance
  | 'trk' // a trunk
  | 'verb'

export type Id<P extends IdPrefix = IdPrefix> = `${P}_${string}`

/** Random hex digits, made many at a time. */
const POOL = Buffer.alloc(1024)
let digits = ''
let used = 0

function randomHex(n: number): string {
  if (used + n > digits.length) {
    digits = randomFillSync(POOL).toString('hex')
    used = 0
  }
  used += n
  return digits.slice(used - n, used)
}

/** Octets of a UUIDv7 that tell the time, and those that are random but for version and variant (RFC 9562 §5.7). */
const TIME = 6
const RANDOM = 10

/** The two hex digits of each octet, which are written at once. */
const DIGITS = new Uint16Array(256)
Buffer.from(DIGITS.buffer).write(Buffer.from([...DIGITS.keys()]).toString('hex'), 'latin1')

/** Half of the time's bits. */
const HALF = 2 ** 24

const UNDERSCORE = 0x5f

/** Where its digits begin: in front of them is room for the longest prefix. */
const UUID_AT = 16

/**
 * Where an id is put together, and turned into one piece of text: joined of several it would be copied wherever it is used. What
 * stands there of the last one is left where it is the same: the time mostly, and often the prefix.
 */
const made = Buffer.alloc(UUID_AT + 2 * (TIME + RANDOM)) as Buffer & { latin1Slice(begin: number, end: number): string }
const madeDigits = new Uint16Array(made.buffer, made.byteOffset + UUID_AT, TIME + RANDOM)
let madePrefix = ''
let madeWall = Number.NaN

const random = Buffer.alloc(RANDOM * 256)
let taken = random.length

/** Makes a new id: time-ordered by `wall` (ms since the epoch), the rest random. */
export function newId<P extends IdPrefix>(prefix: P, wall: number = Date.now()): Id<P> {
  if (taken === random.length) {
    randomFillSync(random)
    taken = 0
  }
  const begin = UUID_AT - prefix.length - 1
  if (prefix !== madePrefix) {
    for (let i = 0; i < prefix.length; i++) made[begin + i] = prefix.charCodeAt(i)
    made[UUID_AT - 1] = UNDERSCORE
    madePrefix = prefix
  }
  if (wall !== madeWall) {
    // In two halves: V8 is slow with whole numbers of more than 31 bits.
    const high = Math.floor(wall / HALF)
    const low = Math.floor(wall - high * HALF)
    for (let i = 0; i < 3; i++) {
      madeDigits[i] = DIGITS[(high >> (16 - 8 * i)) & 0xff]!
      madeDigits[i + 3] = DIGITS[(low >> (16 - 8 * i)) & 0xff]!
    }
    madeWall = wall
  }
  // Version and variant.
  random[taken] = 0x70 | (random[taken]! & 0x0f)
  random[taken + 2] = 0x80 | (random[taken + 2]! & 0x3f)
  for (let i = TIME; i < TIME + RANDOM; i++) madeDigits[i] = DIGITS[random[taken++]!]!
  // What `toString` comes to, which takes longer where none of its code is in a cache.
  return made.latin1Slice(begin, made.length) as Id<P>
}

/** The UUID inside an id, in the dashed form that PostgreSQL stores. */
export function uuidOf(id: string): string {
  const hex = id.slice(id.indexOf('_') + 1)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** The id of a prefix and a stored UUID; the inverse of {@link uuidOf}. */
export function idOf<P extends IdPrefix>(prefix: P, uuid: string): Id<P> {
  return `${prefix}_${uuid.replaceAll('-', '')}`
}

/** Whether `value` is a well-formed id of this prefix. */
export function isId<P extends IdPrefix>(prefix: P, value: unknown): value is Id<P> {
  return typeof value === 'string' && value.startsWith(`${prefix}_`) && /^[0-9a-f]{32}$/.test(value.slice(prefix.length + 1))
}

/** The first id of this prefix in a text. */
export function idIn<P extends IdPrefix>(prefix: P, text: string): Id<P> | null {
  const found = new RegExp(`\\b${prefix}_[0-9a-f]{32}\\b`).exec(text)
  return found ? (found[0] as Id<P>) : null
}

/** A token of `bytes` random bytes in hex: tags, branches, one-time tokens. */
export function token(bytes = 8): string {
  return randomHex(bytes * 2)
}
