/** Samples at the lower rate on each side of its middle on which the filter depends. */
const SIDE = 12

/**
 * A low pass for a change of rate by `factor`, by the distance from its middle at the higher rate: a sinc under a Blackman window,
 * which is zero at each sample of the lower rate but its own. So those samples stay as they are, and cost nothing.
 */
function tap(distance: number, factor: number): number {
  if (distance === 0) return 1
  const x = distance / (SIDE * factor)
  const window = 0.42 + 0.5 * Math.cos(Math.PI * x) + 0.08 * Math.cos(2 * Math.PI * x)
  return (Math.sin((Math.PI * distance) / factor) / ((Math.PI * distance) / factor)) * window
}

function clip(value: number): number {
  return value > 32_767 ? 32_767 : value < -32_768 ? -32_768 : Math.round(value)
}

/** What came before, and behind it the piece in hand: a filter looks at it as at one line. */
class Line {
  readonly #past: number
  samples: Float64Array

  constructor(past: number) {
    this.#past = past
    this.samples = new Float64Array(past + 512)
  }

  take(from: Int16Array, count: number): Float64Array {
    if (this.samples.length < this.#past + count) {
      const longer = new Float64Array(this.#past + count)
      longer.set(this.samples.subarray(0, this.#past))
      this.samples = longer
    }
    for (let i = 0; i < count; i++) this.samples[this.#past + i] = from[i]!
    return this.samples
  }

  /** The piece is done with: its end is the past of the next one. */
  pass(count: number): void {
    this.samples.copyWithin(0, count, count + this.#past)
  }
}

/** Sound that comes piece by piece, at `factor` times its rate. Delays by 1.5 ms at 8 kHz. */
export class Upsampler {
  readonly #factor: number
  readonly #line = new Line(2 * SIDE)
  /** For each place between two samples but the first, the taps before it and those behind it, from the middle outwards. */
  readonly #phases: { before: Float64Array; behind: Float64Array }[]

  constructor(factor: number) {
    this.#factor = factor
    this.#phases = Array.from({ length: factor - 1 }, (_, i) => {
      const before = Float64Array.from({ length: SIDE }, (_, k) => tap(k * factor + i + 1, factor))
      const behind = Float64Array.from({ length: SIDE }, (_, k) => tap((k + 1) * factor - i - 1, factor))
      // Each place keeps the level of a steady sound.
      const sum = [...before, ...behind].reduce((a, b) => a + b)
      return { before: before.map((value) => value / sum), behind: behind.map((value) => value / sum) }
    })
  }

  /** Takes `samples`, and writes `factor` times as many; not over its input. Returns how many. */
  run(from: Int16Array, samples: number, into: Int16Array): number {
    const factor = this.#factor
    const line = this.#line.take(from, samples)
    for (let n = 0; n < samples; n++) {
      const at = SIDE + n
      into[n * factor] = line[at]!
      for (let phase = 1; phase < factor; phase++) {
        const { before, behind } = this.#phases[phase - 1]!
        let sum = 0
        for (let i = 0; i < SIDE; i++) sum += before[i]! * line[at - i]! + behind[i]! * line[at + 1 + i]!
        into[n * factor + phase] = clip(sum)
      }
    }
    this.#line.pass(samples)
    return samples * factor
  }

  push(samples: Int16Array): Int16Array {
    if (this.#factor === 1) return samples
    const out = new Int16Array(samples.length * this.#factor)
    this.run(samples, samples.length, out)
    return out
  }
}

/** Sound that comes piece by piece, at the `factor`th part of its rate: what only the higher one can carry is taken out. */
export class Downsampler {
  readonly #factor: number
  /** The largest distance from its middle at which the filter is not zero. */
  readonly #reach: number
  readonly #line: Line
  readonly #middle: number
  readonly #distances: number[] = []
  readonly #taps: number[] = []
  /** Samples that came since the last one that was made. */
  #since = 0

  constructor(factor: number) {
    this.#factor = factor
    this.#reach = SIDE * factor - 1
    this.#line = new Line(2 * this.#reach)
    let sum = 1
    for (let distance = 1; distance <= this.#reach; distance++) {
      if (distance % factor === 0) continue
      this.#distances.push(distance)
      this.#taps.push(tap(distance, factor))
      sum += 2 * this.#taps.at(-1)!
    }
    this.#middle = 1 / sum
    for (const [i, value] of this.#taps.entries()) this.#taps[i] = value / sum
  }

  /** Takes `samples`, and writes what is complete by now, also over its input. Returns how many: in all, as many as came divided by the factor. */
  run(from: Int16Array, samples: number, into: Int16Array): number {
    const line = this.#line.take(from, samples)
    const distances = this.#distances
    const taps = this.#taps
    let written = 0
    for (let n = this.#factor - 1 - this.#since; n < samples; n += this.#factor) {
      const middle = this.#reach + n
      let sum = this.#middle * line[middle]!
      for (let i = 0; i < taps.length; i++) sum += taps[i]! * (line[middle - distances[i]!]! + line[middle + distances[i]!]!)
      into[written++] = clip(sum)
    }
    this.#since = (this.#since + samples) % this.#factor
    this.#line.pass(samples)
    return written
  }

  push(samples: Int16Array): Int16Array {
    if (this.#factor === 1) return samples
    const out = new Int16Array(Math.floor((this.#since + samples.length) / this.#factor))
    this.run(samples, samples.length, out)
    return out
  }
}
