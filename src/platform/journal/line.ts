import { crc32 } from 'node:zlib'
import { digitsOf } from './text.ts'

/**
 * A line of the file: `<crc32, 8 hex digits> <position> <JSON>\n`, with a tab and more JSON for each record further, since what
 * is written together is good together, and JSON holds no tab. The position is the first one's, the others follow it; 0 marks
 * a line that is the file's own and is not read out. The checksum covers what stands between it and the line feed.
 */
export interface Line {
  position: number
  /** The JSON of its records. */
  records: string[]
  /** Offset behind its line feed. */
  end: number
}

/** The position of record `i` of a line. */
export function positionIn({ position }: Line, i: number): number {
  return position === 0 ? 0 : position + i
}

/** A line that is this long takes no more records: as much is lost where it is damaged. */
const LONG = 32 * 1024

const TAB = 0x09
const SPACE = 0x20
const LINE_FEED = 0x0a
const HEX = Buffer.from('0123456789abcdef')
const CRC_BYTES = 8

/** Lines that wait for the next write, in one buffer that is used again and again. */
export class LineBuffer {
  #bytes = Buffer.allocUnsafe(256 * 1024)
  #length = 0
  /** Where the line begins that is not complete; -1 where there is none. */
  #open = -1
  /** The position of the record that would go on with it. */
  #next = 0

  get length(): number {
    return this.#length
  }

  /** Adds a record, to the line that is open where that can be. Says whether it begins another one. */
  add(position: number, json: string): boolean {
    const joins = this.#open >= 0 && position === this.#next && this.#length - this.#open < LONG
    if (!joins) this.#close()
    this.#room(this.#length + CRC_BYTES + 20 + json.length * 3)
    const bytes = this.#bytes
    let at = this.#length
    if (joins) bytes[at++] = TAB
    else {
      this.#open = at
      at += CRC_BYTES
      at += bytes.write(` ${digitsOf(position)} `, at, 'latin1')
    }
    // By itself: joined to anything, it would be copied into another text first.
    at += bytes.write(json, at, 'utf8')
    this.#length = at
    this.#next = position === 0 ? 0 : position + 1
    return !joins
  }

  /** The bytes that wait, in whole lines: the first `length` of these. Good until the next `add` or `drop`. */
  bytes(): Uint8Array {
    this.#close()
    return this.#bytes
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

  #close(): void {
    if (this.#open < 0) return
    const bytes = this.#bytes
    const start = this.#open + CRC_BYTES
    let crc = crc32(bytes.subarray(start + 1, this.#length))
    for (let i = start - 1; i >= this.#open; i--) {
      bytes[i] = HEX[crc & 15]!
      crc >>>= 4
    }
    // There is room for it: each record leaves some.
    bytes[this.#length++] = LINE_FEED
    this.#open = -1
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
  const position = Number(bytes.toString('latin1', body, space))
  return { position, records: bytes.toString('utf8', space + 1, feed).split('\t'), end: feed + 1 }
}
