import { ENCODE, type Law, SILENCE } from '#protocol/audio/index.ts'

/** Sound that an endpoint sends at its own pace. */
export interface Source {
  /** Writes `samples` bytes of sound in `law`. How many it had; fewer than asked for is filled up with silence, 0 means a pause. */
  pull(into: Uint8Array, start: number, samples: number, law: Law): number
  readonly ended: boolean
}

/** A prompt or tone: samples of which the first `total` are played, beginning again when there are fewer. */
export class PcmSource implements Source {
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

  pull(into: Uint8Array, start: number, samples: number, law: Law): number {
    const encode = ENCODE[law]
    const pcm = this.#pcm
    const count = Math.min(samples, this.#total - this.#played)
    let at = this.#played % pcm.length
    for (let i = 0; i < count; i++) {
      into[start + i] = encode[pcm[at]! & 0xffff]!
      if (++at === pcm.length) at = 0
    }
    into.fill(SILENCE[law], start + count, start + samples)
    this.#played += count
    return count
  }
}

/** Bytes that a reframer holds at most: 200 ms. More comes only from a sender whose clock is fast; the oldest go. */
const HELD = 1600

/** Relayed sound whose packets are longer or shorter than its receiver asked for: cut anew, and paced by our clock. */
export class Reframer implements Source {
  readonly #ring = new Uint8Array(2048)
  #written = 0
  #read = 0
  #filled = false
  readonly #prefill: number
  readonly ended = false

  /** Waits for `prefill` bytes before it begins, and after it ran dry. */
  constructor(prefill: number) {
    this.#prefill = prefill
  }

  get held(): number {
    return this.#written - this.#read
  }

  /** Takes the payload of a packet, already in the receiver's law. */
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
