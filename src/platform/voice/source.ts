/** A prompt or tone: samples of which the first `total` are played, beginning again when there are fewer. */
export class PcmSource {
  readonly #pcm: Int16Array
  readonly #total: number
  #played = 0

  constructor(pcm: Int16Array, total: number) {
    this.#pcm = pcm
    this.#total = pcm.length === 0 ? 0 : total
  }

  get ended(): boolean {
    return this.#played >= this.#total
  }

  get playedMs(): number {
    return this.#played / 8
  }

  /** Writes the next `samples`. How many it had; fewer than asked for are filled up with silence. */
  pull(into: Int16Array, samples: number): number {
    const pcm = this.#pcm
    const count = Math.min(samples, this.#total - this.#played)
    let at = this.#played % pcm.length
    for (let i = 0; i < count; i++) {
      into[i] = pcm[at]!
      if (++at === pcm.length) at = 0
    }
    into.fill(0, count, samples)
    this.#played += count
    return count
  }
}

/** Bytes that a reframer holds at most: 200 ms. More comes only from a sender whose clock is fast; the oldest go. */
const HELD = 1600

/** Relayed sound whose packets are longer or shorter than its receiver asked for: cut anew, and paced by our clock. */
export class Reframer {
  readonly #ring = new Uint8Array(2048)
  #written = 0
  #read = 0
  #filled = false
  readonly #prefill: number

  /** Waits for `prefill` bytes before it begins, and after it ran dry. */
  constructor(prefill: number) {
    this.#prefill = prefill
  }

  get held(): number {
    return this.#written - this.#read
  }

  /** Takes the payload of a packet, already in the receiver's codec. */
  push(bytes: Uint8Array, start: number, length: number): void {
    for (let i = 0; i < length; i++) this.#ring[(this.#written + i) & 2047] = bytes[start + i]!
    this.#written += length
    if (this.held > HELD) this.#read = this.#written - this.#prefill
    if (this.held >= this.#prefill) this.#filled = true
  }

  pull(into: Uint8Array, start: number, samples: number): number {
    if (!this.#filled || this.held < samples) {
      this.#filled = false
      return 0
    }
    for (let i = 0; i < samples; i++) into[start + i] = this.#ring[(this.#read + i) & 2047]!
    this.#read += samples
    return samples
  }
}
