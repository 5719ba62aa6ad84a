import type { SoundRate } from './codec.ts'

/** Ms of past sound that are kept, and that are looked through for a pitch: 66 to 400 Hz. */
const KEPT_MS = 48
const LONGEST_PITCH_MS = 15
const SHORTEST_PITCH_MS = 2.5

/** Ms over which the two ends of a loss are blended, after which the sound fades, and after which it is silent. */
const BLEND_MS = 5
const FADES_FROM_MS = 10
const SILENT_FROM_MS = 60

/**
 * Hides lost packets of codecs that can't do it themselves, in the way of ITU-T G.711 Appendix I: the last pitch period is
 * repeated, blended at both ends, and fades to silence within 60 ms.
 */
export class Concealer {
  readonly #perMs: number
  readonly #past: Int16Array
  readonly #period: Float64Array
  #pitch = 0
  #at = 0
  #lostMs = 0

  constructor(rate: SoundRate) {
    this.#perMs = rate / 1000
    this.#past = new Int16Array(KEPT_MS * this.#perMs)
    this.#period = new Float64Array(LONGEST_PITCH_MS * this.#perMs)
  }

  /** Takes sound that has come, and blends the first of it with what stood in for the sound before. */
  heard(pcm: Int16Array, samples: number): void {
    if (samples === 0) return
    if (this.#lostMs > 0) {
      const blend = Math.min(samples, BLEND_MS * this.#perMs)
      for (let i = 0; i < blend; i++) {
        const part = (i + 1) / (blend + 1)
        pcm[i] = pcm[i]! * part + this.#next() * (1 - part)
      }
      this.#lostMs = 0
    }
    this.#keep(pcm, samples)
  }

  /** Writes what stands in for `samples` that were lost. */
  conceal(into: Int16Array, samples: number): void {
    if (this.#lostMs === 0) this.#begin()
    for (let i = 0; i < samples; i++) {
      into[i] = this.#next()
      this.#lostMs += 1 / this.#perMs
    }
    this.#keep(into, samples)
  }

  #next(): number {
    const gain = 1 - (this.#lostMs - FADES_FROM_MS) / (SILENT_FROM_MS - FADES_FROM_MS)
    const sample = this.#period[this.#at]! * Math.max(0, Math.min(1, gain))
    this.#at = this.#at + 1 < this.#pitch ? this.#at + 1 : 0
    return sample
  }

  /** Finds the pitch, and makes its last period one whose end meets its beginning. */
  #begin(): void {
    const past = this.#past
    this.#pitch = this.#findPitch()
    const pitch = this.#pitch
    const end = past.length
    const blend = pitch >> 2
    for (let i = 0; i < pitch; i++) {
      const sample = past[end - pitch + i]!
      const tail = i - (pitch - blend)
      const part = tail < 0 ? 0 : (tail + 1) / (blend + 1)
      this.#period[i] = sample * (1 - part) + past[end - 2 * pitch + i]! * part
    }
    this.#at = 0
  }

  /** The lag at which the last 20 ms look most like themselves; every second sample is enough to see it. */
  #findPitch(): number {
    const past = this.#past
    const end = past.length
    const window = 16 * this.#perMs
    let best = 0
    let pitch = LONGEST_PITCH_MS * this.#perMs
    for (let lag = SHORTEST_PITCH_MS * this.#perMs; lag <= LONGEST_PITCH_MS * this.#perMs; lag++) {
      let product = 0
      let energy = 1
      for (let i = end - window; i < end; i += 2) {
        const before = past[i - lag]!
        product += past[i]! * before
        energy += before * before
      }
      const likeness = product > 0 ? (product * product) / energy : 0
      if (likeness > best * 1.02) {
        best = likeness
        pitch = lag
      }
    }
    return pitch
  }

  #keep(pcm: Int16Array, samples: number): void {
    const past = this.#past
    const count = Math.min(samples, past.length)
    past.copyWithin(0, count)
    past.set(pcm.subarray(samples - count, samples), past.length - count)
  }
}
