import {
  type CodecName,
  codecOf,
  type Decoder,
  Downsampler,
  LONGEST_DECODED,
  type SoundRate,
  Upsampler,
} from '#protocol/audio/index.ts'
import { JitterBuffer, type RtpReader } from '#protocol/rtp/index.ts'

/** RFC 3389: says how loud the silence is. */
export const COMFORT_NOISE = 13

/** Ms of sound that is made up where nothing has come; after it the far end is taken to be silent. */
const CONCEALED_MS = 60

/** Ms of silence that a comfort noise packet stands for at most: one says nothing of the next minutes. */
const COMFORT_MS = 60_000

/** Who else hears what is decoded, at 8 kHz: recordings, the detector of keys. `clockRate` is what the timestamp was made of, Hz. */
export type Overhear = (
  clockRate: number,
  timestamp: number,
  pcm: Int16Array,
  samples: number,
  arrivedAt: number,
  now: number,
) => void

/**
 * Hears one far end, whatever it speaks: packets go in as they come, sound comes out by our clock. Between them are the jitter
 * buffer, the decoder, and what stands in for packets that were lost or are late.
 */
export class Ear {
  readonly rate: SoundRate
  readonly #codecOfType: (payloadType: number) => CodecName | undefined
  readonly #overhear: Overhear
  readonly #buffer = new JitterBuffer()
  readonly #decoders = new Map<CodecName, Decoder>()
  #codec: CodecName
  /** Decoded sound that was not yet pulled, and the piece that was decoded last. */
  readonly #waiting = new Int16Array(4 * LONGEST_DECODED)
  #count = 0
  readonly #piece = new Int16Array(LONGEST_DECODED)
  readonly #second = new Int16Array(LONGEST_DECODED)
  readonly #narrow = new Int16Array(LONGEST_DECODED)
  readonly #halver: Downsampler | null
  readonly #doubler: Upsampler | null
  /** Samples of the last packet: those of one that is lost. */
  #frame: number
  #timestamp = 0
  #now = 0
  #concealedMs = CONCEALED_MS
  /** Peak of the far end's comfort noise; 0 while it has said none. */
  #noise = 0
  #noiseMs = 0
  #random = 1

  /** `codecOfType` knows what payload types mean; `codec` is what was agreed on. */
  constructor(
    codec: CodecName,
    rate: SoundRate,
    codecOfType: (payloadType: number) => CodecName | undefined,
    overhear: Overhear,
  ) {
    this.rate = rate
    this.#codec = codec
    this.#codecOfType = codecOfType
    this.#overhear = overhear
    this.#halver = rate === 8000 ? null : new Downsampler(2)
    this.#doubler = rate === 8000 ? null : new Upsampler(2)
    this.#frame = (20 * rate) / 1000
    this.#buffer.clockRate = codecOf(codec).clockRate
  }

  get ssrc(): number {
    return this.#buffer.ssrc
  }

  push(packet: RtpReader, bytes: Uint8Array, now: number): void {
    const codec = this.#codecOfType(packet.payloadType)
    if (codec) this.#buffer.clockRate = codecOf(codec).clockRate
    this.#buffer.put(packet, bytes, now)
  }

  /** Says sound of our own in its place, at 8 kHz: keys that its far end has pressed. */
  say(pcm: Int16Array, samples: number): void {
    if (this.#doubler) this.#append(this.#piece, this.#doubler.run(pcm, samples, this.#piece))
    else this.#append(pcm, samples)
  }

  /** Writes the next `samples`; false, and nothing written, where the far end is silent. `now` in ms. */
  pull(into: Int16Array, samples: number, now: number): boolean {
    this.#now = now
    while (this.#count < samples && this.#fill(samples - this.#count, now));
    if (this.#count === 0) return false
    const count = Math.min(samples, this.#count)
    into.set(this.#waiting.subarray(0, count))
    into.fill(0, count, samples)
    this.#waiting.copyWithin(0, count, this.#count)
    this.#count -= count
    return true
  }

  /** Decodes the next packet, or makes up for what is missing. False when there is nothing to be heard. */
  #fill(missing: number, now: number): boolean {
    const buffer = this.#buffer
    switch (buffer.take(now)) {
      case 'packet':
        this.#decode(now)
        return true
      case 'lost':
        this.#lost()
        return true
      case 'nothing':
        return this.#standIn(missing)
    }
  }

  #decode(now: number): void {
    const buffer = this.#buffer
    if (buffer.payloadType === COMFORT_NOISE) {
      this.#noise = 45_000 * 10 ** (-(buffer.bytes[buffer.start]! & 0x7f) / 20)
      this.#noiseMs = 0
      this.#concealedMs = CONCEALED_MS
      return
    }
    const samples = this.#decodeInto(this.#piece)
    if (samples === 0) return
    this.#frame = samples
    this.#noise = 0
    this.#concealedMs = 0
    this.#tell(this.#piece, samples, buffer.arrivedAt)
    if (buffer.surplus && buffer.held > 1 && buffer.peek() && buffer.take(now) === 'packet') this.#shorten(samples)
    this.#append(this.#piece, samples)
  }

  /** The far end's clock is fast, or it jitters less than before: two packets become one, faded into each other. */
  #shorten(samples: number): void {
    if (this.#decodeInto(this.#second) !== samples) return
    this.#tell(this.#second, samples, this.#buffer.arrivedAt)
    for (let i = 0; i < samples; i++) {
      const part = (i + 1) / (samples + 1)
      this.#piece[i] = this.#piece[i]! * (1 - part) + this.#second[i]! * part
    }
  }

  #decodeInto(into: Int16Array): number {
    const { bytes, start, length, payloadType, timestamp } = this.#buffer
    const codec = this.#codecOfType(payloadType)
    if (!codec) return 0
    this.#codec = codec
    this.#timestamp = timestamp
    return this.#decoder.decode(bytes, start, length, into)
  }

  #lost(): void {
    const frame = this.#frame
    const buffer = this.#buffer
    this.#decoder.conceal(this.#piece, frame, buffer.peek() ? buffer : undefined)
    this.#concealedMs += (frame * 1000) / this.rate
    this.#timestamp = (this.#timestamp + (frame * codecOf(this.#codec).clockRate) / this.rate) >>> 0
    this.#tell(this.#piece, frame, buffer.arrivedAt + (frame * 1000) / this.rate)
    this.#append(this.#piece, frame)
  }

  /** A short while as if it went on, then the far end's own noise, or silence. */
  #standIn(missing: number): boolean {
    if (this.#concealedMs < CONCEALED_MS) {
      this.#concealedMs += (missing * 1000) / this.rate
      this.#decoder.conceal(this.#piece, missing)
      this.#append(this.#piece, missing)
      return true
    }
    this.#noiseMs += (missing * 1000) / this.rate
    if (this.#noise < 1 || this.#noiseMs > COMFORT_MS) return false
    for (let i = 0; i < missing; i++) {
      this.#random = (Math.imul(this.#random, 1664525) + 1013904223) | 0
      this.#piece[i] = (this.#noise * this.#random) / 2 ** 31
    }
    this.#append(this.#piece, missing)
    return true
  }

  get #decoder(): Decoder {
    let decoder = this.#decoders.get(this.#codec)
    if (!decoder) {
      decoder = codecOf(this.#codec).decoder(this.rate)
      this.#decoders.set(this.#codec, decoder)
    }
    return decoder
  }

  #tell(pcm: Int16Array, samples: number, arrivedAt: number): void {
    const { clockRate } = codecOf(this.#codec)
    const narrow = this.#halver ? this.#narrow : pcm
    const count = this.#halver ? this.#halver.run(pcm, samples, narrow) : samples
    this.#overhear(clockRate, Math.round((this.#timestamp * 8000) / clockRate), narrow, count, arrivedAt, this.#now)
  }

  #append(pcm: Int16Array, samples: number): void {
    const count = Math.min(samples, this.#waiting.length - this.#count)
    for (let i = 0; i < count; i++) this.#waiting[this.#count + i] = pcm[i]!
    this.#count += count
  }
}
