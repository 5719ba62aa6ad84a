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

/** The first 12 digits of the ids of one millisecond. */
let lastWall = Number.NaN
let lastTime = ''

function timeHex(wall: number): string {
  if (wall !== lastWall) {
    lastTime = Math.floor(wall).toString(16).padStart(12, '0')
    lastWall = wall
  }
  return lastTime
}

/** Makes a new id: time-ordered by `wall` (ms since the epoch), the rest random. */
export function newId<P extends IdPrefix>(prefix: P, wall: number = Date.now()): Id<P> {
  const random = randomHex(19)
  const variant = '89ab'[Number.parseInt(random[3]!, 16) & 3]
  return `${prefix}_${timeHex(wall)}7${random.slice(0, 3)}${variant}${random.slice(4)}`
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

/** A token of `bytes` random bytes in hex: tags, branches, one-time tokens. */
export function token(bytes = 8): string {
  return randomHex(bytes * 2)
}
