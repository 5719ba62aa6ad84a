import { type AudioCodec, type Decoder, type Encoder, LONGEST_DECODED, type SoundRate } from './codec.ts'
import { Concealer } from './concealer.ts'
import { Band, saturate } from './g722-band.ts'

/** Decision levels of the lower band's quantizer, and their code words for negative and positive differences (§3, tables 7 and 8). */
const Q6 = Int16Array.of(
  ...[0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714],
  ...[786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919],
)
const NEGATIVE = Uint8Array.from({ length: 31 }, (_, i) => (i === 0 ? 0 : i < 3 ? 64 - i : 34 - i))
const POSITIVE = Uint8Array.from({ length: 31 }, (_, i) => (i === 0 ? 0 : 62 - i))

/** Output values of the inverse quantizers of 6, 4 and 2 bits. */
const QM6 = qm6()
const QM4 = Int16Array.of(
  ...[0, -20_456, -12_896, -8968, -6288, -4240, -2584, -1200],
  ...[20_456, 12_896, 8968, 6288, 4240, 2584, 1200, 0],
)
const QM2 = Int16Array.of(-7408, -1616, 7408, 1616)

/** Weights of code words in the scale's adaptation: of 4 bits for the lower band, of 2 bits for the higher. */
const WL4 = Int16Array.of(-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60)
const WH2 = Int16Array.of(798, -214, 798, -214)

/** Half of the quadrature mirror filter; the other half is the same backwards (table 11). */
const QMF = Int16Array.of(3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11)

function qm6(): Int16Array {
  const low = [-136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232]
  const mid = [-9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032]
  const first = [...low, ...mid, -1688, -1360, -1040, -728]
  return Int16Array.of(...first, ...first.slice(4).map((value) => -value), 432, 136, -432, -136)
}

/** The last 24 samples that a QMF looks at; a ring twice as long spares the shifting. */
class Mirror {
  readonly #line = new Int32Array(48)
  #at = 0
  even = 0
  odd = 0

  /** Takes two samples, and sums up every second one of the last 24 for each phase. */
  push(first: number, second: number): void {
    const line = this.#line
    const at = this.#at
    line[at] = first
    line[at + 24] = first
    line[at + 1] = second
    line[at + 25] = second
    this.#at = at === 22 ? 0 : at + 2
    let odd = 0
    let even = 0
    for (let i = 0, from = this.#at; i < 12; i++, from += 2) {
      odd += line[from]! * QMF[i]!
      even += line[from + 1]! * QMF[11 - i]!
    }
    this.odd = odd
    this.even = even
  }
}

/**
 * G.722 at 64 kbit/s. At 8 kHz only the lower of its two bands is used, which is telephone sound of its own: half of the work,
 * and nothing to resample.
 */
class G722Encoder implements Encoder {
  readonly #low = new Band('low')
  readonly #high = new Band('high')
  readonly #mirror: Mirror | null

  constructor(rate: SoundRate) {
    this.#mirror = rate === 16_000 ? new Mirror() : null
  }

  encode(pcm: Int16Array, samples: number, bytes: Uint8Array, start: number): number {
    const mirror = this.#mirror
    const count = mirror ? samples >> 1 : samples
    for (let i = 0; i < count; i++) {
      if (mirror) {
        mirror.push(pcm[2 * i]!, pcm[2 * i + 1]!)
        const low = this.#encodeLow((mirror.even + mirror.odd) >> 14)
        bytes[start + i] = (this.#encodeHigh((mirror.even - mirror.odd) >> 14) << 6) | low
      } else {
        const low = this.#encodeLow(pcm[i]! >> 1)
        bytes[start + i] = (this.#encodeHigh(0) << 6) | low
      }
    }
    return count
  }

  #encodeLow(sample: number): number {
    const band = this.#low
    const difference = saturate(sample - band.estimate)
    const size = difference >= 0 ? difference : ~difference
    let level = 1
    while (level < 30 && size >= (Q6[level]! * band.scale) >> 12) level++
    const code = difference < 0 ? NEGATIVE[level]! : POSITIVE[level]!
    const coarse = code >> 2
    const quantized = (band.scale * QM4[coarse]!) >> 15
    band.adapt(WL4[coarse]!)
    band.predict(quantized)
    return code
  }

  #encodeHigh(sample: number): number {
    const band = this.#high
    const difference = saturate(sample - band.estimate)
    const size = difference >= 0 ? difference : ~difference
    const large = size >= (564 * band.scale) >> 12
    const code = difference < 0 ? (large ? 0 : 1) : large ? 2 : 3
    const quantized = (band.scale * QM2[code]!) >> 15
    band.adapt(WH2[code]!)
    band.predict(quantized)
    return code
  }
}

class G722Decoder implements Decoder {
  readonly #low = new Band('low')
  readonly #high = new Band('high')
  readonly #mirror: Mirror | null
  readonly #concealer: Concealer

  constructor(rate: SoundRate) {
    this.#mirror = rate === 16_000 ? new Mirror() : null
    this.#concealer = new Concealer(rate)
  }

  decode(bytes: Uint8Array, start: number, length: number, into: Int16Array): number {
    const mirror = this.#mirror
    const count = Math.min(length, mirror ? LONGEST_DECODED / 2 : LONGEST_DECODED)
    for (let i = 0; i < count; i++) {
      const code = bytes[start + i]!
      const low = this.#decodeLow(code & 0x3f)
      if (mirror) {
        const high = this.#decodeHigh(code >> 6)
        mirror.push(low + high, low - high)
        into[2 * i] = saturate(mirror.even >> 11)
        into[2 * i + 1] = saturate(mirror.odd >> 11)
      } else into[i] = low * 2
    }
    const samples = mirror ? 2 * count : count
    this.#concealer.heard(into, samples)
    return samples
  }

  conceal(into: Int16Array, samples: number): void {
    this.#concealer.conceal(into, samples)
  }

  #decodeLow(code: number): number {
    const band = this.#low
    const sample = band.estimate + ((band.scale * QM6[code]!) >> 15)
    const coarse = code >> 2
    const quantized = (band.scale * QM4[coarse]!) >> 15
    band.adapt(WL4[coarse]!)
    band.predict(quantized)
    return limit(sample)
  }

  #decodeHigh(code: number): number {
    const band = this.#high
    const quantized = (band.scale * QM2[code]!) >> 15
    const sample = band.estimate + quantized
    band.adapt(WH2[code]!)
    band.predict(quantized)
    return limit(sample)
  }
}

function limit(sample: number): number {
  return Math.max(-16_384, Math.min(16_383, sample))
}

/** RFC 3551 §4.5.2: the RTP clock is 8000 Hz, by an old mistake that stays. */
export const G722_CODEC: AudioCodec = {
  name: 'G722',
  clockRate: 8000,
  soundRate: 16_000,
  frames: [10, 20, 30, 40, 50, 60, 70, 80, 90, 100],
  decoder: (rate) => new G722Decoder(rate),
  encoder: (rate) => new G722Encoder(rate),
}
