import { DECODE, type Law } from './g711.ts'

/** Samples of one block: 12.75 ms, so that two fit into the shortest key press (40 ms, ITU-T Q.24). */
const BLOCK = 102

const ROWS = [697, 770, 852, 941]
const COLUMNS = [1209, 1336, 1477, 1633]
const KEYS = '123A456B789C*0#D'
const COEFFICIENTS = Float64Array.from([...ROWS, ...COLUMNS], (hz) => 2 * Math.cos((2 * Math.PI * hz) / 8000))

/** Energy of each tone from which it counts: about −35 dBm0, in the scale of a block. */
const FLOOR = 4e8

/** How much stronger each tone is than the others of its group: 8 dB. */
const ABOVE_OTHERS = 6.3

/** How much stronger the high tone may be than the low one (8 dB), and the other way round (4 dB). */
const TWIST = 6.3
const REVERSE_TWIST = 2.5

/** Part of all energy that is in the two tones: speech has overtones, keys have none. */
const PURITY = 0.82 * (BLOCK / 2)

/** Blocks in a row with the same key that begin it, and end the one before; and without any key that end it. */
const BEGINS = 2
const ENDS = 3

/** Ms without any sound after which a key is over. */
const LOST_MS = 100

export interface DtmfListener {
  started(key: string): void
  ended(key: string, durationMs: number): void
}

/** Hears keys in sound (ITU-T Q.23, Q.24) by a Goertzel filter for each of their eight tones. Allocates nothing while it listens. */
export class DtmfDetector {
  readonly #listener: DtmfListener
  readonly #s1 = new Float64Array(8)
  readonly #s2 = new Float64Array(8)
  readonly #energy = new Float64Array(8)
  #total = 0
  #samples = 0
  /** Index of the key of the last block, −1 for none, and for how many blocks. */
  #last = -1
  #times = 0
  #key = -1
  #blocks = 0
  #heardAt = 0

  constructor(listener: DtmfListener) {
    this.#listener = listener
  }

  /** Whether a key is heard, or what may become one: sooner than it is told, which is in its second block. */
  get isOn(): boolean {
    return this.#key >= 0 || this.#last >= 0
  }

  /** Takes the payload of a packet. `now` in ms. */
  push(law: Law, bytes: Uint8Array, start: number, length: number, now: number): void {
    this.#heardAt = now
    const decode = DECODE[law]
    for (let i = start, end = start + length; i < end; i++) this.#hear(decode[bytes[i]!]!)
  }

  /** Takes sound at 8 kHz. */
  listen(pcm: Int16Array, samples: number, now: number): void {
    this.#heardAt = now
    for (let i = 0; i < samples; i++) this.#hear(pcm[i]!)
  }

  /** To be called now and then: where no sound comes any more, a key has ended. */
  tick(now: number): void {
    if (this.#key >= 0 && now - this.#heardAt > LOST_MS) this.#end(0)
  }

  #hear(sample: number): void {
    this.#total += sample * sample
    for (let t = 0; t < 8; t++) {
      const s0 = sample + COEFFICIENTS[t]! * this.#s1[t]! - this.#s2[t]!
      this.#s2[t] = this.#s1[t]!
      this.#s1[t] = s0
    }
    if (++this.#samples === BLOCK) this.#judge()
  }

  #judge(): void {
    const key = this.#keyOfBlock()
    this.#samples = 0
    this.#total = 0
    this.#s1.fill(0)
    this.#s2.fill(0)
    this.#times = key === this.#last ? this.#times + 1 : 1
    this.#last = key
    if (this.#key >= 0) {
      this.#blocks++
      // Another key may follow without a pause.
      if (key !== this.#key && this.#times >= (key < 0 ? ENDS : BEGINS)) this.#end(this.#times)
    }
    if (this.#key < 0 && key >= 0 && this.#times === BEGINS) {
      this.#key = key
      this.#blocks = BEGINS
      this.#listener.started(KEYS[key]!)
    }
  }

  /** `behind`: how many of its blocks came behind it. */
  #end(behind: number): void {
    const durationMs = Math.round((Math.max(1, this.#blocks - behind) * BLOCK) / 8)
    const key = KEYS[this.#key]!
    this.#key = -1
    this.#listener.ended(key, durationMs)
  }

  /** The key of the block that is full, or −1. */
  #keyOfBlock(): number {
    for (let t = 0; t < 8; t++) {
      const s1 = this.#s1[t]!
      const s2 = this.#s2[t]!
      this.#energy[t] = s1 * s1 + s2 * s2 - COEFFICIENTS[t]! * s1 * s2
    }
    const row = this.#strongest(0)
    const column = this.#strongest(4)
    const low = this.#energy[row]!
    const high = this.#energy[column]!
    if (low < FLOOR || high < FLOOR || high > low * TWIST || low > high * REVERSE_TWIST) return -1
    if (low + high < PURITY * this.#total) return -1
    for (let t = 0; t < 8; t++) {
      const group = t < 4 ? low : high
      if (t !== row && t !== column && this.#energy[t]! * ABOVE_OTHERS > group) return -1
    }
    return row * 4 + (column - 4)
  }

  #strongest(first: number): number {
    let best = first
    for (let t = first + 1; t < first + 4; t++) if (this.#energy[t]! > this.#energy[best]!) best = t
    return best
  }
}
