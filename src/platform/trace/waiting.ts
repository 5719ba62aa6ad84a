import type { Id } from '#lib/index.ts'

const NEWLINE = 10
const BLANK = 32
const ZERO = 48
const BRACE = 125

/** Octets of a character in UTF-8 for each of its units in UTF-16, at most. */
const LONGEST = 3

const WALL_ROOM = 32

/** Digits of a message's length, a brace, a line feed. */
const LENGTH_ROOM = 10

function writeLength(bytes: Uint8Array, at: number, length: number): void {
  let i = at + LENGTH_ROOM - 3
  for (let n = length; i >= at; i--, n = Math.floor(n / 10))
    bytes[i] = n > 0 || i === at + LENGTH_ROOM - 3 ? ZERO + (n % 10) : BLANK
  bytes[at + LENGTH_ROOM - 2] = BRACE
  bytes[at + LENGTH_ROOM - 1] = NEWLINE
}

/** Lines of one call, one behind the other. */
interface Run {
  call: Id<'call'>
  length: number
}

/**
 * Lines that wait for their write, as the bytes that the file will have. Nothing of a message is held on to: what a
 * datagram came in is given back at once.
 */
export class WaitingLines {
  #bytes = Buffer.allocUnsafe(64 * 1024)
  #length = 0
  #runs: Run[] = []

  /** Bytes that wait. */
  get length(): number {
    return this.#length
  }

  /** Whose they are, in their order. */
  get runs(): readonly Run[] {
    return this.#runs
  }

  /** The bytes; good until the next `add`. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** A line that is a record of the journal. */
  addRecord(call: Id<'call'>, json: string): void {
    const begin = this.#length
    this.#room(begin + json.length * LONGEST + 1)
    const at = begin + this.#bytes.write(json, begin, 'utf8')
    this.#bytes[at] = NEWLINE
    this.#added(call, at + 1)
  }

  /** A line that is a message: `head`, which is all ASCII, ends before the value of `wall`. */
  addMessage(call: Id<'call'>, head: string, wall: number, message: string | Uint8Array): void {
    const begin = this.#length
    this.#room(begin + head.length + WALL_ROOM + LENGTH_ROOM + message.length * LONGEST)
    const bytes = this.#bytes
    bytes.write(head, begin, 'latin1')
    // The length is known when the message has been written: blanks in front of a number mean nothing to JSON.
    const numberAt = begin + head.length + bytes.write(`${wall},"bytes":`, begin + head.length, 'latin1')
    const bodyAt = numberAt + LENGTH_ROOM
    let length = message.length
    if (typeof message === 'string') length = bytes.write(message, bodyAt, 'utf8')
    else bytes.set(message, bodyAt)
    writeLength(bytes, numberAt, length)
    this.#added(call, bodyAt + length)
  }

  #added(call: Id<'call'>, end: number): void {
    const length = end - this.#length
    this.#length = end
    const last = this.#runs.at(-1)
    if (last?.call === call) last.length += length
    else this.#runs.push({ call, length })
  }

  clear(): void {
    this.#length = 0
    this.#runs = []
  }

  #room(needed: number): void {
    if (needed <= this.#bytes.length) return
    const bytes = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(bytes, 0, 0, this.#length)
    this.#bytes = bytes
  }
}
