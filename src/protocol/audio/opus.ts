import koffi from 'koffi'
import { type AudioCodec, type Decoder, type Encoder, LONGEST_DECODED, type SoundRate } from './codec.ts'

/** opus_defines.h */
const APPLICATION_VOIP = 2048
const SET_BITRATE = 4002
const SET_INBAND_FEC = 4012
const SET_COMPLEXITY = 4010
const SET_PACKET_LOSS = 4014
const SET_SIGNAL = 4024
const SIGNAL_VOICE = 3001

/** Of ten: what is above it is hardly heard in speech and costs twice as much. */
const COMPLEXITY = 4

/** Bits a second that speech is said in (RFC 7587 §3.1.1). */
const BITRATE: Readonly<Record<SoundRate, number>> = { 8000: 16_000, 16000: 24_000 }

/**
 * The same where each packet repeats what was said in the one before (inband FEC), and the loss in percent for which that is at least
 * done. libopus does it from a bit rate on that neither of those above reaches, and it takes a third more CPU: so only for whoever
 * tells of loss.
 */
const PROTECTED: Readonly<Record<SoundRate, number>> = { 8000: 20_000, 16000: 28_000 }
const LEAST_LOSS = 5
const MOST_LOSS = 25

/** No payload of ours is longer; none that is longer is taken. */
const LONGEST_PAYLOAD = 1500

interface Libopus {
  encoderSize(channels: number): number
  encoderInit(state: number, rate: number, channels: number, application: number): number
  encode(state: number, pcm: number, samples: number, into: number, most: number): number
  control(state: number, request: number, value: number): number
  decoderSize(channels: number): number
  decoderInit(state: number, rate: number, channels: number): number
  decode(state: number, from: number, length: number, pcm: number, samples: number, fec: number): number
}

/** The library, once for each thread: it is found when the first call needs it. */
let loaded: Libopus | undefined

function libopus(): Libopus {
  if (loaded) return loaded
  const library = koffi.load('libopus.so.0')
  const control = library.func('int opus_encoder_ctl(int64 state, int request, ...)')
  loaded = {
    encoderSize: library.func('opus_encoder_get_size', 'int', ['int']),
    encoderInit: library.func('opus_encoder_init', 'int', ['int64', 'int32', 'int', 'int']),
    encode: library.func('opus_encode', 'int32', ['int64', 'int64', 'int', 'int64', 'int32']),
    control: (state, request, value) => control(state, request, 'int', value),
    decoderSize: library.func('opus_decoder_get_size', 'int', ['int']),
    decoderInit: library.func('opus_decoder_init', 'int', ['int64', 'int32', 'int']),
    decode: library.func('opus_decode', 'int', ['int64', 'int64', 'int32', 'int64', 'int', 'int']),
  }
  return loaded
}

/** A state of the library in memory of ours, so that it goes with the object that holds it; behind it a payload and its sound. */
class Place {
  readonly bytes: Uint8Array
  readonly pcm: Int16Array
  readonly state: number
  readonly payload: number
  readonly sound: number
  readonly #payloadAt: number

  constructor(stateBytes: number, longestPayload = LONGEST_PAYLOAD) {
    const payloadAt = (stateBytes + 15) & ~15
    const soundAt = payloadAt + longestPayload + 4
    const buffer = new ArrayBuffer(soundAt + 2 * LONGEST_DECODED)
    this.bytes = new Uint8Array(buffer)
    this.pcm = new Int16Array(buffer, soundAt, LONGEST_DECODED)
    this.state = Number(koffi.address(this.bytes))
    this.payload = this.state + payloadAt
    this.sound = this.state + soundAt
    this.#payloadAt = payloadAt
  }

  take(from: Uint8Array, start: number, length: number): void {
    for (let i = 0; i < length; i++) this.bytes[this.#payloadAt + i] = from[start + i]!
  }

  give(into: Uint8Array, start: number, length: number): void {
    for (let i = 0; i < length; i++) into[start + i] = this.bytes[this.#payloadAt + i]!
  }
}

/** RFC 7587: mono, at any rate, whatever the far end sends. */
class OpusEncoder implements Encoder {
  readonly #lib = libopus()
  readonly #place = new Place(this.#lib.encoderSize(1))
  readonly #rate: SoundRate
  #loss = 0

  constructor(rate: SoundRate) {
    this.#rate = rate
    const { state } = this.#place
    if (this.#lib.encoderInit(state, rate, 1, APPLICATION_VOIP) < 0) throw new Error('libopus has refused a rate')
    const settings: [number, number][] = [
      [SET_COMPLEXITY, COMPLEXITY],
      [SET_BITRATE, BITRATE[rate]],
      [SET_SIGNAL, SIGNAL_VOICE],
    ]
    for (const [request, value] of settings) this.#lib.control(state, request, value)
  }

  protect(lossPercent: number): void {
    const loss = lossPercent < 1 ? 0 : Math.round(Math.min(MOST_LOSS, Math.max(LEAST_LOSS, lossPercent)))
    if (loss === this.#loss) return
    this.#loss = loss
    const { state } = this.#place
    this.#lib.control(state, SET_INBAND_FEC, loss > 0 ? 1 : 0)
    this.#lib.control(state, SET_PACKET_LOSS, loss)
    this.#lib.control(state, SET_BITRATE, (loss > 0 ? PROTECTED : BITRATE)[this.#rate])
  }

  encode(pcm: Int16Array, samples: number, bytes: Uint8Array, start: number): number {
    const { state, sound, payload } = this.#place
    for (let i = 0; i < samples; i++) this.#place.pcm[i] = pcm[i]!
    const length = Math.max(0, this.#lib.encode(state, sound, samples, payload, LONGEST_PAYLOAD))
    this.#place.give(bytes, start, length)
    return length
  }
}

class OpusDecoder implements Decoder {
  readonly #lib = libopus()
  readonly #place: Place
  readonly #longest: number

  constructor(rate: SoundRate, longest: number) {
    this.#longest = longest
    this.#place = new Place(this.#lib.decoderSize(1), longest)
    if (this.#lib.decoderInit(this.#place.state, rate, 1) < 0) throw new Error('libopus has refused a rate')
  }

  decode(bytes: Uint8Array, start: number, length: number, into: Int16Array): number {
    if (length === 0 || length > this.#longest) return 0
    this.#place.take(bytes, start, length)
    const { state, payload, sound } = this.#place
    return this.#give(this.#lib.decode(state, payload, length, sound, LONGEST_DECODED, 0), into)
  }

  conceal(into: Int16Array, samples: number, next?: { bytes: Uint8Array; start: number; length: number }): void {
    const { state, payload, sound } = this.#place
    const repeated = next !== undefined && next.length > 0 && next.length <= this.#longest
    if (repeated) this.#place.take(next.bytes, next.start, next.length)
    const made = this.#lib.decode(state, repeated ? payload : 0, repeated ? next.length : 0, sound, samples, repeated ? 1 : 0)
    into.fill(0, Math.max(0, this.#give(made, into)), samples)
  }

  #give(samples: number, into: Int16Array): number {
    if (samples <= 0) return 0
    const { pcm } = this.#place
    for (let i = 0; i < samples; i++) into[i] = pcm[i]!
    return samples
  }
}

/** Decodes to mono at `rate`; payloads of up to `longest` bytes, a multiple of four, where they come from files. */
export function createOpusDecoder(rate: SoundRate, longest = LONGEST_PAYLOAD): Decoder {
  return new OpusDecoder(rate, longest)
}

export const opusCodec: AudioCodec = {
  name: 'opus',
  clockRate: 48_000,
  soundRate: 16_000,
  frames: [10, 20, 40, 60],
  decoder: (rate) => createOpusDecoder(rate),
  encoder: (rate) => new OpusEncoder(rate),
}
