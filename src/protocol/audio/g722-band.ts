/** One sub-band of G.722 (ITU-T G.722 §3 and §4): its adaptive quantizer's scale and its adaptive predictor. */

/** §3.3, table 11. */
const ILB = Int16Array.of(
  ...[2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834],
  ...[2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008],
)

export function saturate(value: number): number {
  return Math.max(-32_768, Math.min(32_767, value))
}

export class Band {
  /** The quantizer's scale factor (DET), and its logarithm (NB). */
  scale: number
  #log = 0
  /** The predictor's estimate of the next sample, and the part of it that comes from its zeros. */
  estimate = 0
  #zeros = 0
  readonly #largestLog: number
  readonly #shift: number
  /** Poles: two coefficients, the last two reconstructed samples, the signs of the last two partial ones. */
  #a1 = 0
  #a2 = 0
  #r1 = 0
  #p1 = 0
  #p2 = 0
  /** Zeros: six coefficients, and the last six differences. */
  readonly #b = new Int32Array(6)
  readonly #d = new Int32Array(6)

  constructor(kind: 'low' | 'high') {
    this.scale = kind === 'low' ? 32 : 8
    this.#largestLog = kind === 'low' ? 18_432 : 22_528
    this.#shift = kind === 'low' ? 8 : 10
  }

  /** Adapts the scale: LOGSCL, LOGSCH and SCALEL, SCALEH. `weight` belongs to the code word. */
  adapt(weight: number): void {
    const log = ((this.#log * 127) >> 7) + weight
    this.#log = Math.max(0, Math.min(this.#largestLog, log))
    const shift = this.#shift - (this.#log >> 11)
    const mantissa = ILB[(this.#log >> 6) & 31]!
    this.scale = (shift < 0 ? mantissa << -shift : mantissa >> shift) << 2
  }

  /** Takes the quantized difference of this sample, and predicts the next one (block 4 of the recommendation). */
  predict(difference: number): void {
    const reconstructed = saturate(this.estimate + difference)
    const partial = saturate(this.#zeros + difference)
    this.#adaptPoles(partial)
    const zeros = this.#adaptZeros(difference)
    const poles = saturate(((this.#a1 * saturate(2 * reconstructed)) >> 15) + ((this.#a2 * saturate(2 * this.#r1)) >> 15))
    this.#r1 = reconstructed
    this.#p2 = this.#p1
    this.#p1 = partial
    this.#zeros = saturate(zeros)
    this.estimate = saturate(poles + this.#zeros)
  }

  /** UPPOL2, UPPOL1. */
  #adaptPoles(partial: number): void {
    const sign = partial >> 15
    const same1 = sign === this.#p1 >> 15
    const same2 = sign === this.#p2 >> 15
    const turned = saturate(this.#a1 * 4)
    const towards = Math.min(32_767, same1 ? -turned : turned)
    const second = (towards >> 7) + (same2 ? 128 : -128) + ((this.#a2 * 32_512) >> 15)
    this.#a2 = Math.max(-12_288, Math.min(12_288, second))
    const first = saturate((same1 ? 192 : -192) + ((this.#a1 * 32_640) >> 15))
    const limit = saturate(15_360 - this.#a2)
    this.#a1 = Math.max(-limit, Math.min(limit, first))
  }

  /** UPZERO, DELAYA and FILTEZ in one pass. */
  #adaptZeros(difference: number): number {
    const b = this.#b
    const d = this.#d
    const step = difference === 0 ? 0 : 128
    const sign = difference >> 15
    let sum = 0
    for (let i = 5; i >= 0; i--) {
      const same = d[i]! >> 15 === sign
      b[i] = saturate((same ? step : -step) + ((b[i]! * 32_640) >> 15))
      d[i] = i === 0 ? difference : d[i - 1]!
      sum += (b[i]! * saturate(2 * d[i]!)) >> 15
    }
    return sum
  }
}
