import { PROGRESS, type Sounding, STATE } from './sounding.ts'

/** Sound that is played, sample by sample. */
export interface Source {
  readonly ended: boolean
  readonly playedMs: number
  /** Writes the next `samples`. How many it had; fewer than asked for are filled up with silence. None: its decoder is late, or it has ended. */
  pull(into: Int16Array, samples: number): number
}

export function sourceOf(sound: Sounding): Source {
  return 'ring' in sound ? new RingSource(sound.ring, sound.progress) : new PcmSource(sound)
}

/** A prompt or tone: samples of which the first `samples` are played from `start` on, beginning again when there are fewer. */
export class PcmSource implements Source {
  readonly #pcm: Int16Array
  readonly #total: number
  readonly #progress: Int32Array | undefined
  #at: number
  #played = 0

  constructor({ pcm, samples, start = 0, progress }: Extract<Sounding, { pcm: unknown }>) {
    this.#pcm = pcm
    this.#total = pcm.length === 0 ? 0 : samples
    this.#at = pcm.length === 0 ? 0 : start % pcm.length
    this.#progress = progress
  }

  get ended(): boolean {
    return this.#played >= this.#total || this.#state === STATE.failed
  }

  get playedMs(): number {
    return this.#played / 8
  }

  get #state(): number {
    return this.#progress ? Atomics.load(this.#progress, PROGRESS.state) : STATE.complete
  }

  pull(into: Int16Array, samples: number): number {
    const pcm = this.#pcm
    let count = Math.min(samples, this.#total - this.#played)
    if (this.#state === STATE.going) {
      count = Math.max(0, Math.min(count, Atomics.load(this.#progress!, PROGRESS.written) - this.#at))
    }
    let at = this.#at
    for (let i = 0; i < count; i++) {
      into[i] = pcm[at]!
      if (++at === pcm.length) at = 0
    }
    into.fill(0, count, samples)
    this.#at = at
    this.#played += count
    return count
  }
}

/** Sound that is decoded while it is played. */
export class RingSource implements Source {
  readonly #ring: Int16Array
  readonly #progress: Int32Array
  #played = 0

  constructor(ring: Int16Array, progress: Int32Array) {
    this.#ring = ring
    this.#progress = progress
  }

  get ended(): boolean {
    const state = Atomics.load(this.#progress, PROGRESS.state)
    return state === STATE.failed || (state === STATE.complete && this.#held === 0)
  }

  get playedMs(): number {
    return this.#played / 8
  }

  get #held(): number {
    return (Atomics.load(this.#progress, PROGRESS.written) - this.#played) | 0
  }

  pull(into: Int16Array, samples: number): number {
    const count = Math.min(samples, this.#held)
    const mask = this.#ring.length - 1
    for (let i = 0; i < count; i++) into[i] = this.#ring[(this.#played + i) & mask]!
    into.fill(0, count, samples)
    this.#played += count
    Atomics.store(this.#progress, PROGRESS.taken, this.#played | 0)
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
