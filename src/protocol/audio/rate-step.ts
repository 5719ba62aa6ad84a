/** Input samples on which each output sample depends, at the lower of the two rates. */
const SPAN = 16

/** Part of the narrower band that passes. */
const PASS = 0.9

/** A low-pass for a change of rate by `factor`: a sinc under a Hann window, of which each phase sums up to 1/factor. */
function lowPass(factor: number): Float64Array {
  const length = SPAN * factor
  const middle = (length - 1) / 2
  const taps = Float64Array.from({ length }, (_, i) => {
    const x = ((i - middle) * PASS) / factor
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
    return sinc * Math.sin((Math.PI * (i + 0.5)) / length) ** 2
  })
  const sum = taps.reduce((a, b) => a + b)
  return taps.map((tap) => tap / sum)
}

function clip(value: number): number {
  return value > 32_767 ? 32_767 : value < -32_768 ? -32_768 : Math.round(value)
}

/** Sound that comes piece by piece, at `factor` times its rate. */
export class Upsampler {
  readonly #factor: number
  readonly #taps: Float64Array
  readonly #past = new Float64Array(SPAN)
  #at = 0

  constructor(factor: number) {
    this.#factor = factor
    this.#taps = lowPass(factor)
  }

  push(samples: Int16Array): Int16Array {
    const factor = this.#factor
    if (factor === 1) return samples
    const out = new Int16Array(samples.length * factor)
    for (let n = 0; n < samples.length; n++) {
      this.#at = (this.#at + 1) % SPAN
      this.#past[this.#at] = samples[n]!
      for (let phase = 0; phase < factor; phase++) {
        let sum = 0
        for (let k = 0; k < SPAN; k++) sum += this.#taps[phase + k * factor]! * this.#past[(this.#at - k + SPAN) % SPAN]!
        out[n * factor + phase] = clip(sum * factor)
      }
    }
    return out
  }
}

/** Sound that comes piece by piece, at the `factor`th part of its rate. */
export class Downsampler {
  readonly #factor: number
  readonly #taps: Float64Array
  readonly #past: Float64Array
  #count = 0

  constructor(factor: number) {
    this.#factor = factor
    this.#taps = lowPass(factor)
    this.#past = new Float64Array(SPAN * factor)
  }

  /** What is complete by now: in all, as many as came divided by the factor. */
  push(samples: Int16Array): Int16Array {
    const factor = this.#factor
    if (factor === 1) return samples
    const { length } = this.#past
    const out = new Int16Array(Math.floor((this.#count + samples.length) / factor) - Math.floor(this.#count / factor))
    let written = 0
    for (const sample of samples) {
      this.#past[this.#count % length] = sample
      this.#count++
      if (this.#count % factor !== 0) continue
      let sum = 0
      for (let k = 0; k < length; k++) sum += this.#taps[k]! * this.#past[(this.#count + length - 1 - k) % length]!
      out[written++] = clip(sum)
    }
    return out
  }
}
