import { crc32 } from 'node:zlib'
import { Octets } from './octets.ts'
import { recordsIn, type WrittenRecord } from './told.ts'

/**
 * A line of the file: `<crc32, 8 hex digits> <position> <record>\n`, with a tab and another record for each one further, since what
 * is written together is good together, and no record holds a tab: it is JSON, or in few words ({@link wholeText}) behind what it has
 * in common with those beside it. The position is the first one's, the others follow it; 0 marks
 * a line that is the file's own and is not read out. The checksum covers what stands between it and the line feed.
 */
export interface Line {
  position: number
  records: WrittenRecord[]
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
/** Stands in its place until a line is complete. */
const NO_CRC = '00000000 '

/** Lines that wait for the next write. */
export class LineBuffer {
  readonly octets = new Octets()
  /** Where the line begins that is not complete; -1 where there is none. */
  #open = -1
  /** The position of the record that would go on with it. */
  #next = 0

  get length(): number {
    return this.octets.length
  }

  /** Makes place for a record at the end of the octets: in the line that is open where that can be. Says whether another one is begun. */
  begin(position: number): boolean {
    const { octets } = this
    const joins = this.#open >= 0 && position === this.#next && octets.length - this.#open < LONG
    if (joins) octets.byte(TAB)
    else {
      this.#close()
      this.#open = octets.length
      octets.word(NO_CRC)
      octets.number(position)
      octets.byte(SPACE)
    }
    this.#next = position === 0 ? 0 : position + 1
    return !joins
  }

  /** Takes a record back that was begun at this length; the next one begins a line. Says whether it had begun one itself. */
  takeBack(length: number): boolean {
    const began = this.#open >= length
    this.octets.length = began ? this.#open : length
    if (began) this.#open = -1
    this.#next = -1
    return began
  }

  /** The bytes that wait, in whole lines: the first `length` of these. Good until the next `begin` or `drop`. */
  bytes(): Uint8Array {
    this.#close()
    return this.octets.bytes
  }

  /** How many lines end in the first `n` bytes. */
  lines(n: number): number {
    let count = 0
    for (let i = 0; i < n; i++) if (this.octets.bytes[i] === LINE_FEED) count++
    return count
  }

  /** Forgets the first `n` bytes: they have been written. */
  drop(n: number): void {
    const { octets } = this
    if (n < octets.length) octets.bytes.copyWithin(0, n, octets.length)
    octets.length -= n
  }

  #close(): void {
    if (this.#open < 0) return
    const { octets } = this
    octets.byte(LINE_FEED)
    const start = this.#open + CRC_BYTES
    let crc = crc32(octets.bytes.subarray(start + 1, octets.length - 1))
    for (let i = start - 1; i >= this.#open; i--) {
      octets.bytes[i] = HEX[crc & 15]!
      crc >>>= 4
    }
    this.#open = -1
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
  return { position, records: recordsIn(bytes.toString('utf8', space + 1, feed).split('\t')), end: feed + 1 }
}
