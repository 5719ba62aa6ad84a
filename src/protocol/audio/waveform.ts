import { type AudioCodec, type CodecName, type Decoder, type Encoder, LONGEST_DECODED, type SoundRate } from './codec.ts'
import { Concealer } from './concealer.ts'
import { Downsampler, Upsampler } from './rate-step.ts'

/** Packets of any length in whole frames of 10 ms. */
const FRAMES = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]

/** A codec without memory, sample by sample: G.711 and L16. */
export interface Waveform {
  name: CodecName
  rate: SoundRate
  bytesPerSample: number
  read(bytes: Uint8Array, start: number, samples: number, into: Int16Array): void
  write(pcm: Int16Array, samples: number, bytes: Uint8Array, start: number): void
}

/** Makes a codec of it, which converts between rates and conceals what was lost. */
export function waveformCodec(wave: Waveform): AudioCodec {
  return {
    name: wave.name,
    clockRate: wave.rate,
    soundRate: wave.rate,
    frames: FRAMES,
    decoder: (rate) => new WaveformDecoder(wave, rate),
    encoder: (rate) => new WaveformEncoder(wave, rate),
  }
}

class WaveformDecoder implements Decoder {
  readonly #wave: Waveform
  readonly #concealer: Concealer
  readonly #halver: Downsampler | null
  readonly #doubler: Upsampler | null
  readonly #own = new Int16Array(LONGEST_DECODED)

  constructor(wave: Waveform, rate: SoundRate) {
    this.#wave = wave
    this.#concealer = new Concealer(rate)
    this.#halver = rate < wave.rate ? new Downsampler(2) : null
    this.#doubler = rate > wave.rate ? new Upsampler(2) : null
  }

  decode(bytes: Uint8Array, start: number, length: number, into: Int16Array): number {
    const { bytesPerSample } = this.#wave
    const most = this.#doubler ? LONGEST_DECODED / 2 : LONGEST_DECODED
    let samples = Math.min(Math.floor(length / bytesPerSample), most)
    if (this.#halver) samples &= ~1
    const own = this.#halver || this.#doubler ? this.#own : into
    this.#wave.read(bytes, start, samples, own)
    if (this.#halver) samples = this.#halver.run(own, samples, into)
    else if (this.#doubler) samples = this.#doubler.run(own, samples, into)
    this.#concealer.heard(into, samples)
    return samples
  }

  conceal(into: Int16Array, samples: number): void {
    this.#concealer.conceal(into, samples)
  }
}

class WaveformEncoder implements Encoder {
  readonly #wave: Waveform
  readonly #halver: Downsampler | null
  readonly #doubler: Upsampler | null
  readonly #own = new Int16Array(LONGEST_DECODED)

  constructor(wave: Waveform, rate: SoundRate) {
    this.#wave = wave
    this.#halver = rate > wave.rate ? new Downsampler(2) : null
    this.#doubler = rate < wave.rate ? new Upsampler(2) : null
  }

  encode(pcm: Int16Array, samples: number, bytes: Uint8Array, start: number): number {
    const own = this.#halver || this.#doubler ? this.#own : pcm
    let count = samples
    if (this.#halver) count = this.#halver.run(pcm, samples, own)
    else if (this.#doubler) count = this.#doubler.run(pcm, samples, own)
    this.#wave.write(own, count, bytes, start)
    return count * this.#wave.bytesPerSample
  }
}
