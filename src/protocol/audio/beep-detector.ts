import type { Tonality } from './tonality.ts'

/** A tone that has lasted long enough to be meant, or that is over. */
export interface Beep {
  hz: number
  ms: number
}

/** Ms of a frame. */
const FRAME = 20

/** Mean square below which nothing is a tone: −45 dBm0. */
const QUIETEST = 20_000

/** Part of a frame that may be something else than the tone, besides so many times the noise of the line; never more than the last. */
const REST = 0.02
const NOISE = 1.5
const MOST_REST = 0.12

/** A tone comes out of silence: what was before it is this much weaker (9 dB). */
const OUT_OF = 8

/** Frames before a tone that are looked at, but for those in which it may begin. */
const BEFORE = 5

/** By how much its frequency may move within a tone, and its power (2.3 dB; the tone of a modern fax swells by 1.8): a vowel moves more. */
const STEADY = 0.025
const LEVEL = 1.7

/** Silence behind it is this much weaker (6 dB). */
const ENDS = 4

/** Frames without it that a tone survives: the phase of a fax's tone turns twice a second (ITU-T V.8), and packets are lost. */
const GAP = 2

/** A tone is told while it lasts at this length, ms: longer ones are not awaited. */
export const LONG_TONE_MS = 600

/** Hears single steady tones, by 20 ms frames: the beep of an answering machine, the tones of a fax. */
export class BeepDetector {
  #hz = 0
  #power = 0
  #frames = 0
  #gap = 0
  #told = false
  readonly #before = new Float64Array(BEFORE + 1)
  #count = 0

  /** Ms that the tone which is heard has lasted; 0 while there is none. */
  get lastsMs(): number {
    return this.#frames * FRAME
  }

  /** Takes the next frame, and the power of the line's own noise. A tone is told once: at its end, or after 600 ms. */
  push({ power, hz, rest }: Tonality, floor: number): Beep | null {
    const told = this.#judge(power, hz, power > QUIETEST && rest < Math.min(MOST_REST, REST + (NOISE * floor) / power))
    this.#before[this.#count++ % this.#before.length] = power
    return told
  }

  #judge(power: number, hz: number, tonal: boolean): Beep | null {
    // The frame in which it begins is not full of it.
    if (tonal && this.#frames === 1 && this.#gap === 0 && power > this.#power * LEVEL) {
      this.#frames = 2
      this.#hz = hz
      this.#power = power
      return null
    }
    if (tonal && this.#frames > 0 && this.#continues(hz, power)) {
      this.#frames += 1 + this.#gap
      this.#gap = 0
      this.#hz += (hz - this.#hz) / this.#frames
      this.#power += (power - this.#power) / this.#frames
      return this.lastsMs >= LONG_TONE_MS ? this.#tell() : null
    }
    if (this.#frames > 0 && this.#gap < GAP) {
      this.#gap++
      return null
    }
    const ended = this.#frames > 0 && power < this.#power / ENDS ? this.#tell() : null
    this.#begin(tonal && this.#outOfSilence(power), hz, power)
    return ended
  }

  #continues(hz: number, power: number): boolean {
    const off = Math.abs(hz - this.#hz) / this.#hz
    return off < STEADY && power < this.#power * LEVEL && power > this.#power / LEVEL
  }

  /** The two frames just before may hold the beginning of the tone. */
  #outOfSilence(power: number): boolean {
    const { length } = this.#before
    for (let i = 3; i <= Math.min(BEFORE, this.#count); i++) {
      if (this.#before[(this.#count - i) % length]! * OUT_OF > power) return false
    }
    return true
  }

  #tell(): Beep | null {
    if (this.#told) return null
    this.#told = true
    return { hz: this.#hz, ms: this.lastsMs }
  }

  #begin(tonal: boolean, hz: number, power: number): void {
    this.#hz = hz
    this.#power = power
    this.#frames = tonal ? 1 : 0
    this.#gap = 0
    this.#told = false
  }
}
