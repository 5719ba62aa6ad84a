/** Zero crossings of the filter on each side. */
const CROSSINGS = 16

/** Part of the narrower band that passes: leaves room for the filter's slope below the edge. */
const PASS = 0.92

/** Places between two samples of the input that the filter is made for, at most: of two rates with nothing in common. */
const MOST_PHASES = 2048

const BETA = 8

/** The modified Bessel function of the first kind, order 0. */
function bessel(x: number): number {
  let sum = 1
  let term = 1
  for (let k = 1; k < 40; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}

const NORM = bessel(BETA)

/** A sinc under a Kaiser window, `x` zero crossings from its middle. */
function kernel(x: number): number {
  if (x === 0) return 1
  if (x >= CROSSINGS) return 0
  return (Math.sin(Math.PI * x) / (Math.PI * x)) * (bessel(BETA * Math.sqrt(1 - (x / CROSSINGS) ** 2)) / NORM)
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

function clip(value: number): number {
  return value > 32_767 ? 32_767 : value < -32_768 ? -32_768 : Math.round(value)
}

/**
 * Sound that comes piece by piece, from any rate in Hz to any other, through a windowed sinc: what lies above half of the lower
 * rate is taken out, not folded back. Takes floats in the scale of 16-bit samples, clips what is beyond it.
 */
export class Resampler {
  readonly #ratio: number
  readonly #cutoff: number
  /** Input samples on each side on which an output sample depends. */
  readonly #half: number
  readonly #phases: number
  readonly #taps: (Float32Array | undefined)[]
  /** Input that is still needed; its first sample has the number `#first`. */
  #held: Float32Array
  #first: number
  #taken = 0
  #made = 0

  constructor(fromHz: number, toHz: number) {
    this.#ratio = fromHz / toHz
    this.#cutoff = Math.min(1, toHz / fromHz) * PASS
    this.#half = Math.ceil(CROSSINGS / this.#cutoff)
    this.#phases = Math.min(toHz / gcd(fromHz, toHz), MOST_PHASES)
    this.#taps = new Array(this.#phases)
    this.#held = new Float32Array(this.#half)
    this.#first = -this.#half
  }

  /** What can be made by now. */
  push(input: Float32Array): Int16Array {
    if (this.#ratio === 1) return Int16Array.from(input, clip)
    this.#taken += input.length
    this.#hold(input)
    // An output sample needs what lies half a filter behind it.
    return this.#make(Math.floor((this.#taken - this.#half - 2) / this.#ratio))
  }

  /** What is left once nothing more comes. In all there are as many samples as came, by the ratio of the rates. */
  end(): Int16Array {
    if (this.#ratio === 1) return new Int16Array(0)
    this.#hold(new Float32Array(this.#half + 3))
    return this.#make(Math.floor(this.#taken / this.#ratio))
  }

  #hold(input: Float32Array): void {
    const needed = Math.max(0, Math.floor(this.#made * this.#ratio) - this.#half - this.#first)
    const rest = this.#held.subarray(Math.min(needed, this.#held.length))
    this.#first += this.#held.length - rest.length
    const held = new Float32Array(rest.length + input.length)
    held.set(rest)
    held.set(input, rest.length)
    this.#held = held
  }

  #make(upTo: number): Int16Array {
    const output = new Int16Array(Math.max(0, upTo - this.#made))
    for (let n = 0; n < output.length; n++) {
      const middle = (this.#made + n) * this.#ratio
      let whole = Math.floor(middle)
      let phase = Math.round((middle - whole) * this.#phases)
      if (phase === this.#phases) {
        whole++
        phase = 0
      }
      const taps = this.#tapsOf(phase)
      const from = whole - this.#half - this.#first
      let sum = 0
      for (let i = 0; i < taps.length; i++) sum += taps[i]! * this.#held[from + i]!
      output[n] = clip(sum)
    }
    this.#made += output.length
    return output
  }

  /** The filter for a place between two samples, from half of it before to half of it behind. */
  #tapsOf(phase: number): Float32Array {
    let taps = this.#taps[phase]
    if (!taps) {
      const cutoff = this.#cutoff
      taps = Float32Array.from({ length: 2 * this.#half + 2 }, (_, i) => {
        return cutoff * kernel(Math.abs(i - this.#half - phase / this.#phases) * cutoff)
      })
      this.#taps[phase] = taps
    }
    return taps
  }
}
