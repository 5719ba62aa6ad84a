/** Where the bytes of a file come from. */
export interface Bytes {
  readonly size: number
  /** Copies what stands at `position`, as much as fits; how much that is: less only at the end. */
  read(position: number, into: Uint8Array): number
}

/** Bytes that are there already. */
export function bytesOf(whole: Uint8Array): Bytes {
  return {
    size: whole.length,
    read(position, into) {
      const part = whole.subarray(position, position + into.length)
      into.set(part)
      return part.length
    },
  }
}

/** Read ahead, in bytes. */
const AHEAD = 1 << 16

/** Walks through a file from front to back, of which it holds 64 KiB at a time. */
export class Walk {
  readonly #bytes: Bytes
  readonly #held = new Uint8Array(AHEAD)
  /** Where in the file `#held` begins, and how much of it is filled. */
  #start = 0
  #length = 0
  /** Where it stands. */
  at: number

  constructor(bytes: Bytes, at = 0) {
    this.#bytes = bytes
    this.at = at
  }

  get left(): number {
    return Math.max(0, this.#bytes.size - this.at)
  }

  /** The next `count` bytes, at most 64 KiB; fewer at the end. What it gives holds until the next call. */
  peek(count: number): Uint8Array {
    const from = this.at - this.#start
    if (from < 0 || from + count > this.#length) this.#fill()
    const offset = this.at - this.#start
    return this.#held.subarray(offset, Math.min(offset + count, this.#length))
  }

  #fill(): void {
    this.#start = this.at
    this.#length = this.at >= this.#bytes.size ? 0 : this.#bytes.read(this.at, this.#held)
  }
}

/** The ASCII text at the beginning of bytes. */
export function tag(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length))
}
