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

const HEX = Buffer.from('0123456789abcdef')
const BYTES = 16
/** Where an id is put together, and turned into one piece of text: joined of several it would be copied wherever it is used. */
const made = Buffer.alloc(64)
const random = Buffer.alloc(BYTES * 256)
let taken = random.length

/** Makes a new id: time-ordered by `wall` (ms since the epoch), the rest random. */
export function newId<P extends IdPrefix>(prefix: P, wall: number = Date.now()): Id<P> {
  if (taken === random.length) {
    randomFillSync(random)
    taken = 0
  }
  const uuid = taken
  taken += BYTES
  random.writeUIntBE(Math.floor(wall), uuid, 6)
  // RFC 9562 §5.7: version and variant.
  random[uuid + 6] = 0x70 | (random[uuid + 6]! & 0x0f)
  random[uuid + 8] = 0x80 | (random[uuid + 8]! & 0x3f)
  let at = 0
  for (; at < prefix.length; at++) made[at] = prefix.charCodeAt(at)
  made[at++] = 0x5f
  for (let i = uuid; i < taken; i++) {
    made[at++] = HEX[random[i]! >> 4]!
    made[at++] = HEX[random[i]! & 15]!
  }
  return made.toString('latin1', 0, at) as Id<P>
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
