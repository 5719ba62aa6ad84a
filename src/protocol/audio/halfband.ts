/** Non-zero taps of the filter on each side of its middle. */
const SIDE = 12

/** Samples that the filter delays, at the higher rate. */
const DELAY = 2 * SIDE - 1

/**
 * A half-band low pass (a sinc under a Blackman window): every second tap but the middle one is zero, and so costs nothing.
 * The taps at distances 1, 3, 5 … from the middle, for a middle of 1/2.
 */
const TAPS = Float64Array.from({ length: SIDE }, (_, i) => {
  const n = 2 * i + 1
  const x = n / (DELAY + 1)
  const window = 0.42 + 0.5 * Math.cos(Math.PI * x) + 0.08 * Math.cos(2 * Math.PI * x)
  return (Math.sin((Math.PI * n) / 2) / (Math.PI * n)) * window
})

/** The sum of all taps is one: a steady sound keeps its level. */
const NORM = 0.5 / (2 * TAPS.reduce((sum, tap) => sum + tap, 0))
for (let i = 0; i < SIDE; i++) TAPS[i]! *= NORM

function clamp(sample: number): number {
  return Math.max(-32_768, Math.min(32_767, Math.round(sample)))
}

/** 16 kHz to 8 kHz, piece after piece of one stream; what lies above 4 kHz is taken out. Delays by 1.4 ms. */
export class Halver {
  readonly #history = new Float64Array(2 * DELAY)
  readonly #line = new Float64Array(2 * DELAY + 8192)

  /** Takes an even number of samples, at most 8192, and writes half as many. May write over its input. */
  run(from: Int16Array, samples: number, into: Int16Array): number {
    const line = this.#line
    line.set(this.#history)
    for (let i = 0; i < samples; i++) line[2 * DELAY + i] = from[i]!
    for (let out = 0; 2 * out < samples; out++) {
      const middle = DELAY + 2 * out + 1
      let sum = 0.5 * line[middle]!
      for (let i = 0; i < SIDE; i++) sum += TAPS[i]! * (line[middle - 2 * i - 1]! + line[middle + 2 * i + 1]!)
      into[out] = clamp(sum)
    }
    this.#history.set(line.subarray(samples, samples + 2 * DELAY))
    return samples >> 1
  }
}

/** 8 kHz to 16 kHz, piece after piece of one stream. Delays by 1.5 ms. */
export class Doubler {
  readonly #history = new Float64Array(2 * SIDE)
  readonly #line = new Float64Array(2 * SIDE + 4096)

  /** Takes at most 4096 samples and writes twice as many; not over its input. */
  run(from: Int16Array, samples: number, into: Int16Array): number {
    const line = this.#line
    line.set(this.#history)
    for (let i = 0; i < samples; i++) line[2 * SIDE + i] = from[i]!
    for (let n = 0; n < samples; n++) {
      const at = SIDE + n
      into[2 * n] = clamp(line[at]!)
      let sum = 0
      for (let i = 0; i < SIDE; i++) sum += TAPS[i]! * (line[at - i]! + line[at + 1 + i]!)
      into[2 * n + 1] = clamp(2 * sum)
    }
    this.#history.set(line.subarray(samples, samples + 2 * SIDE))
    return 2 * samples
  }
}
