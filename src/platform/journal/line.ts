import { crc32 } from 'node:zlib'

/**
 * A line of the file: `<crc32, 8 hex digits> <position> <JSON>\n`; the checksum covers what stands between it and the
 * line feed. Position 0 marks a line that is the file's own and is not read out.
 */
export interface Line {
  position: number
  json: string
  /** Offset behind its line feed. */
  end: number
}

const SPACE = 0x20
const LINE_FEED = 0x0a
const HEX = Buffer.from('0123456789abcdef')
const CRC_BYTES = 8

/** Lines that wait for the next write, in one buffer that is used again and again. */
export class LineBuffer {
  #bytes = Buffer.allocUnsafe(256 * 1024)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Adds a line; answers with its length in bytes. */
  add(position: number, json: string): number {
    const start = this.#length
    this.#room(start + CRC_BYTES + 20 + json.length * 3)
    const bytes = this.#bytes
    let at = start + CRC_BYTES
    at += bytes.write(` ${position} `, at, 'latin1')
    // By itself: joined to anything, it would be copied into another text first.
    at += bytes.write(json, at, 'utf8')
    let crc = crc32(bytes.subarray(start + CRC_BYTES + 1, at))
    for (let i = start + CRC_BYTES - 1; i >= start; i--) {
      bytes[i] = HEX[crc & 15]!
      crc >>>= 4
    }
    bytes[at++] = LINE_FEED
    this.#length = at
    return at - start
  }

  /** The bytes that wait; good until the next `add` or `drop`. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** How many lines end in the first `n` bytes. */
  lines(n: number): number {
    let count = 0
    for (let i = 0; i < n; i++) if (this.#bytes[i] === LINE_FEED) count++
    return count
  }

  /** Forgets the first `n` bytes: they have been written. */
  drop(n: number): void {
    if (n < this.#length) this.#bytes.copyWithin(0, n, this.#length)
    this.#length -= n
  }

  #room(needed: number): void {
    if (needed <= this.#bytes.length) return
    const bytes = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(bytes, 0, 0, this.#length)
    this.#bytes = bytes
  }
}

/** The line that begins at `start`: `null` where it has no end yet, `damaged` where its checksum is not its own. */
export function lineAt(bytes: Buffer, start: number): Line | { damaged: true; end: number } | null {
  const feed = bytes.indexOf(LINE_FEED, start)
  if (feed < 0) return null
  const body = start + CRC_BYTES + 1
  const damaged = { damaged: true, end: feed + 1 } as const
  if (body > feed || bytes[body - 1] !== SPACE) return damaged
  const crc = bytes.toString('latin1', start, start + CRC_BYTES)
  if (crc !== crc32(bytes.subarray(body, feed)).toString(16).padStart(CRC_BYTES, '0')) return damaged
  const space = bytes.indexOf(SPACE, body)
  if (space < 0 || space > feed) return damaged
  return { position: Number(bytes.toString('latin1', body, space)), json: bytes.toString('utf8', space + 1, feed), end: feed + 1 }
}
