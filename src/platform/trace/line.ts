import type { Id } from '#lib/index.ts'

/**
 * A line of the file: 16 octets, a head of text, and the message or the record of the journal as it is. The octets are, in
 * little endian, the length of the whole line (32 bits), that of its head (16), what it is (8), 0 (8), and the wall-clock ms
 * (64, as a double). A head begins with the id of the call and a blank.
 */
export interface Line {
  kind: number
  /** Wall-clock ms. */
  wall: number
  head: string
  body: Buffer
}

export const MESSAGE = 1
export const RECORD = 2

const FIXED = 16
const HEAD_LENGTH_AT = 4
const KIND_AT = 6
const WALL_AT = 8

/** Octets of a character in UTF-8 for each of its units in UTF-16, at most. */
const LONGEST = 3

/** Lines that wait for their write, as the bytes that the file will have. Nothing of a message is held on to. */
export class WaitingLines {
  #bytes = Buffer.allocUnsafe(64 * 1024)
  #length = 0
  #latest = 0

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

  /** `head` is all ASCII. */
  add(kind: number, wall: number, head: string, body: string | Uint8Array): void {
    const begin = this.#length
    this.#room(begin + FIXED + head.length + body.length * LONGEST)
    const bytes = this.#bytes
    const bodyAt = begin + FIXED + bytes.write(head, begin + FIXED, 'latin1')
    let end = bodyAt + body.length
    if (typeof body === 'string') end = bodyAt + bytes.write(body, bodyAt, 'utf8')
    else bytes.set(body, bodyAt)
    bytes.writeUInt32LE(end - begin, begin)
    bytes.writeUInt16LE(head.length, begin + HEAD_LENGTH_AT)
    bytes.writeUInt16LE(kind, begin + KIND_AT)
    bytes.writeDoubleLE(wall, begin + WALL_AT)
    this.#length = end
    if (wall > this.#latest) this.#latest = wall
  }

  clear(): void {
    this.#length = 0
    this.#latest = 0
  }

  #room(needed: number): void {
    if (needed <= this.#bytes.length) return
    const bytes = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(bytes, 0, 0, this.#length)
    this.#bytes = bytes
  }
}

/**
 * Shows the lines of one call in a piece of a file, which begins with a line. `end` is where its last whole line ends, whose
 * time is `wall`.
 */
export function eachLine(bytes: Buffer, call: Id<'call'>, show: (line: Line) => void): { end: number; wall: number } {
  const begins = Buffer.from(`${call} `)
  // Ids of one time begin alike: most lines of others are told by what they end with.
  const tailAt = begins.length - 4
  const tail = begins.readInt32LE(tailAt)
  let last = -1
  let end = 0
  for (let at = 0; at + FIXED <= bytes.length; at = end) {
    const next = at + bytes.readUInt32LE(at)
    const headAt = at + FIXED
    if (next < headAt + begins.length || next > bytes.length) break
    if (bytes.readInt32LE(headAt + tailAt) === tail && begins.compare(bytes, headAt, headAt + begins.length) === 0)
      show(lineAt(bytes.subarray(at, next)))
    last = at
    end = next
  }
  return { end, wall: last < 0 ? 0 : bytes.readDoubleLE(last + WALL_AT) }
}

function lineAt(line: Buffer): Line {
  const bodyAt = FIXED + line.readUInt16LE(HEAD_LENGTH_AT)
  return {
    kind: line[KIND_AT]!,
    wall: line.readDoubleLE(WALL_AT),
    head: line.toString('latin1', FIXED, bodyAt),
    body: line.subarray(bodyAt),
  }
}
