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
  | 'trk' // a trunk
  | 'verb'

export type Id<P extends IdPrefix = IdPrefix> = `${P}_${string}`

const POOL = new Uint8Array(4096)
let used = POOL.length

function randomBytes(n: number): Uint8Array {
  if (used + n > POOL.length) {
    randomFillSync(POOL)
    used = 0
  }
  used += n
  return POOL.subarray(used - n, used)
}

/** Makes a new id: time-ordered by `wall` (ms since the epoch), the rest random. */
export function newId<P extends IdPrefix>(prefix: P, wall: number = Date.now()): Id<P> {
  const time = Math.floor(wall).toString(16).padStart(12, '0')
  const random = randomBytes(10)
  random[0] = ((random[0] ?? 0) & 0x0f) | 0x70
  random[2] = ((random[2] ?? 0) & 0x3f) | 0x80
  return `${prefix}_${time}${Buffer.from(random).toString('hex')}`
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
  return Buffer.from(randomBytes(bytes)).toString('hex')
}
