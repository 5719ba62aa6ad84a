import type { Id } from '#lib/index.ts'

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

  add(call: Id<'call'>, head: string, body: string | Uint8Array): void {
    const begin = this.#length
    // A character takes three bytes at most.
    this.#room(begin + (head.length + 1 + body.length) * 3)
    let at: number
    if (typeof body === 'string') {
      at = begin + this.#bytes.write(`${head}\n${body}`, begin, 'utf8')
    } else {
      at = begin + this.#bytes.write(`${head}\n`, begin, 'utf8')
      this.#bytes.set(body, at)
      at += body.length
    }
    this.#length = at
    const last = this.#runs.at(-1)
    if (last?.call === call) last.length += at - begin
    else this.#runs.push({ call, length: at - begin })
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
