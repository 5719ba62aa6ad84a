import { randomBytes } from 'node:crypto'

/** Samples a second of telephone sound. */
export const RATE = 8000

/**
 * A sine that never repeats itself, and no two alike: a dither of a few units makes each packet's payload unique, so that
 * captures at two ends can be matched packet by packet.
 */
export class Tone {
  frequency: number
  #phase = 0
  #noise = randomBytes(4).readInt32LE()

  constructor(frequency: number) {
    this.frequency = frequency
  }

  /** The next `count` samples; silence (with dither) while the frequency is 0. */
  next(count: number): Int16Array {
    const samples = new Int16Array(count)
    const step = (2 * Math.PI * this.frequency) / RATE
    const amplitude = this.frequency > 0 ? 9000 : 0
    for (let i = 0; i < count; i++) {
      this.#noise = (Math.imul(this.#noise, 1664525) + 1013904223) | 0
      const dither = this.#noise >> (this.frequency > 0 ? 23 : 28)
      samples[i] = Math.round(amplitude * Math.sin(this.#phase)) + dither
      this.#phase = (this.#phase + step) % (2 * Math.PI)
    }
    return samples
  }
}

/** The power of one frequency in the samples (Goertzel), on the scale of their mean square. */
export function goertzel(samples: Int16Array, frequency: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * frequency) / RATE)
  let s1 = 0
  let s2 = 0
  for (const sample of samples) {
    const s0 = sample + coefficient * s1 - s2
    s2 = s1
    s1 = s0
  }
  return (2 * (s1 * s1 + s2 * s2 - coefficient * s1 * s2)) / (samples.length * samples.length)
}

export function meanSquare(samples: Int16Array): number {
  let sum = 0
  for (const sample of samples) sum += sample * sample
  return sum / samples.length
}

/** What 100 ms sounded like: a frequency of the watched ones, `silence`, or `sound` of another kind (speech, two tones). */
export type Heard = number | 'silence' | 'sound'

/** Names what the samples are: a watched frequency that holds over 60 % of the power, silence below about -50 dBm0, else sound. */
export function recognise(samples: Int16Array, watched: readonly number[]): Heard {
  const power = meanSquare(samples)
  if (power < 60 * 60) return 'silence'
  for (const frequency of watched) if (goertzel(samples, frequency) > 0.6 * power) return frequency
  return 'sound'
}

/** Collects samples and says at each full 100 ms what they were. */
export class Ear {
  readonly heard: { at: number; what: Heard }[] = []
  #window = new Int16Array(RATE / 10)
  #filled = 0
  #watched: readonly number[]

  constructor(watched: readonly number[]) {
    this.#watched = watched
  }

  listen(samples: Int16Array, at: number): void {
    for (const sample of samples) {
      this.#window[this.#filled++] = sample
      if (this.#filled < this.#window.length) continue
      this.heard.push({ at, what: recognise(this.#window, this.#watched) })
      this.#filled = 0
    }
  }
}
