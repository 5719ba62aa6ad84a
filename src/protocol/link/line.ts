/**
 * Cuts a stream of bytes into lines. Bytes are decoded a whole line at a time, so that a character split over two chunks
 * stays whole.
 */
export class LineReader {
  readonly #maxBytes: number
  #held: Buffer[] = []
  #heldBytes = 0

  /** `maxBytes`: the longest line accepted, without its end. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Bytes of an unfinished line. */
  get pending(): number {
    return this.#heldBytes
  }

  /** Takes a chunk and gives each finished line to `take`, until that answers false. Answers false on a line too long. */
  push(chunk: Buffer, take: (line: string) => boolean): boolean {
    let from = 0
    for (;;) {
      const end = chunk.indexOf(10, from)
      if (end < 0) break
      if (this.#heldBytes + end - from > this.#maxBytes) return false
      const line = this.#heldBytes === 0 ? chunk.toString('utf8', from, end) : this.#join(chunk.subarray(from, end))
      from = end + 1
      if (line !== '' && !take(line)) return true
    }
    if (from < chunk.length) {
      this.#held.push(from === 0 ? chunk : chunk.subarray(from))
      this.#heldBytes += chunk.length - from
    }
    return this.#heldBytes <= this.#maxBytes
  }

  #join(last: Buffer): string {
    this.#held.push(last)
    const line = Buffer.concat(this.#held).toString()
    this.#held = []
    this.#heldBytes = 0
    return line
  }
}
