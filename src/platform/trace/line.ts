import type { Id } from '#lib/index.ts'
import type { RecordOctets } from '#platform/words/index.ts'

/**
 * A line of the file: 16 octets, a body, and up to 7 octets of nothing, since lines begin at multiples of 8. The octets are, in little
 * endian, the length of the line without those (32 bits), what it is (2), a check of these three (6), whose it is (24), and the
 * wall-clock ms (64, as a double). The body is a message or a record of the journal as it is. Whose it is says the last line of kind HEAD with the
 * same number before it, whose body is text that begins with the id of the call and a blank.
 */
export interface Line {
  kind: number
  /** Wall-clock ms. */
  wall: number
  head: string
  body: Buffer
}

export const HEAD = 0
export const MESSAGE_IN = 1
export const MESSAGE_OUT = 2
export const RECORD = 3

const FIXED = 16
const KIND_AT = 4
const WALL_AT = 8

const KIND_BITS = 3

/**
 * No power of 2 is a multiple of 63: any one bit that is turned over makes another check, and no line is told as another call's. It is
 * 1 to 63; lines of former releases have 0.
 */
function checkOf(length: number, kind: number, owner: number): number {
  return (((length % 63) + kind + (owner % 63)) % 63) + 1
}

/** Octets of a character in UTF-8 for each of its units in UTF-16, at most. */
const LONGEST = 3

/** By what number the lines that wait know whose a line is. */
export interface LineOwner {
  /** For which waiting lines the number is good. */
  batch: object | null
  number: number
}

/**
 * Lines that wait for their write, as the bytes that the file will have, with the head of each owner among them once. Nothing of
 * a message is held on to.
 */
export class WaitingLines {
  #bytes = Buffer.allocUnsafeSlow(64 * 1024)
  #words = new Uint32Array(this.#bytes.buffer)
  #doubles = new Float64Array(this.#bytes.buffer)
  #length = 0
  #latest = 0
  #batch = {}
  #owners = 0

  /** Bytes that wait. */
  get length(): number {
    return this.#length
  }

  /** The wall-clock ms of the latest of them. */
  get latest(): number {
    return this.#latest
  }

  /** The bytes; good until the next `add`. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Whether lines of this owner may be added. */
  knows(owner: LineOwner): boolean {
    return owner.batch === this.#batch
  }

  /** Whose lines these are: `head` is all ASCII. */
  introduce(owner: LineOwner, head: string): void {
    owner.batch = this.#batch
    owner.number = this.#owners++
    this.#add(HEAD, 0, owner.number, head)
  }

  /** A line of an owner that is known. */
  add(kind: number, wall: number, { number }: LineOwner, body: string | Uint8Array): void {
    this.#add(kind, wall, number, body)
    if (wall > this.#latest) this.#latest = wall
  }

  /** The same of octets that lie among others. */
  copy(kind: number, wall: number, { number }: LineOwner, { bytes, from, to }: RecordOctets): void {
    const at = this.#begin(kind, wall, number, to - from)
    bytes.copy(this.#bytes, at, from, to)
    if (wall > this.#latest) this.#latest = wall
  }

  clear(): void {
    this.#length = 0
    this.#latest = 0
    this.#batch = {}
    this.#owners = 0
  }

  #add(kind: number, wall: number, owner: number, body: string | Uint8Array): void {
    if (typeof body === 'string') {
      const begin = this.#length
      this.#room(aligned(begin + FIXED + body.length * LONGEST))
      this.#end(begin, this.#bytes.write(body, begin + FIXED, 'utf8'), kind, wall, owner)
    } else {
      const at = this.#begin(kind, wall, owner, body.length)
      this.#bytes.set(body, at)
    }
  }

  /** Makes place for a body of this length, and says where. */
  #begin(kind: number, wall: number, owner: number, length: number): number {
    const begin = this.#length
    this.#room(aligned(begin + FIXED + length))
    this.#end(begin, length, kind, wall, owner)
    return begin + FIXED
  }

  #end(begin: number, length: number, kind: number, wall: number, owner: number): void {
    this.#words[begin / 4] = FIXED + length
    this.#words[begin / 4 + 1] = kind + checkOf(FIXED + length, kind, owner) * 4 + owner * 256
    this.#doubles[begin / 8 + 1] = wall
    const end = begin + FIXED + length
    this.#length = aligned(end)
    for (let i = end; i < this.#length; i++) this.#bytes[i] = 0
  }

  #room(needed: number): void {
    if (needed <= this.#bytes.length) return
    const bytes = Buffer.allocUnsafeSlow(aligned(Math.max(needed, 2 * this.#bytes.length)))
    this.#bytes.copy(bytes, 0, 0, this.#length)
    this.#bytes = bytes
    this.#words = new Uint32Array(bytes.buffer)
    this.#doubles = new Float64Array(bytes.buffer)
  }
}

/** Finds the lines of one call in a file, piece by piece. */
export class CallLines {
  readonly #begins: Buffer
  readonly #show: (line: Line) => void
  /** Heads of the call by their numbers, as far as the file has been read. */
  readonly #heads = new Map<number, string>()
  /** Lines that were passed over. */
  damaged = 0

  constructor(call: Id<'call'>, show: (line: Line) => void) {
    this.#begins = Buffer.from(`${call} `)
    this.#show = show
  }

  /** Shows those in a piece, which begins with a line. `end` is where its last whole line ends, whose time is `wall`, 0 where it has none. */
  look(bytes: Buffer): { end: number; wall: number } {
    let wall = 0
    let at = 0
    for (let next = 0; at + FIXED <= bytes.length; at = next) {
      const end = at + bytes.readUInt32LE(at)
      // Before it is aligned, which is right up to 31 bits: a length that is damaged may be any.
      if (end < at + FIXED || end > bytes.length) break
      next = aligned(end)
      if (next > bytes.length) break
      const owner = bytes.readUIntLE(at + KIND_AT + 1, 3)
      const kind = bytes[at + KIND_AT]! & KIND_BITS
      const check = bytes[at + KIND_AT]! >> 2
      if (check !== 0 && check !== checkOf(end - at, kind, owner)) {
        // It may have been a head: whose the others are is not known until it is said anew.
        this.#heads.clear()
        this.damaged += 1
      } else if (kind === HEAD) this.#meet(owner, bytes, at + FIXED, end)
      else {
        wall = bytes.readDoubleLE(at + WALL_AT)
        const head = this.#heads.size > 0 ? this.#heads.get(owner) : undefined
        if (head !== undefined) this.#show({ kind, wall, head, body: bytes.subarray(at + FIXED, end) })
      }
    }
    return { end: at, wall }
  }

  #meet(owner: number, bytes: Buffer, at: number, end: number): void {
    const begins = this.#begins
    // Ids of one time begin alike: most heads of others are told by what they end with.
    const tailAt = begins.length - 4
    const tail = at + begins.length <= end && bytes.readInt32LE(at + tailAt) === begins.readInt32LE(tailAt)
    if (tail && begins.compare(bytes, at, at + begins.length) === 0) this.#heads.set(owner, bytes.toString('latin1', at, end))
    else this.#heads.delete(owner)
  }
}

function aligned(at: number): number {
  return (at + 7) & ~7
}
