/** The rate of all sound that is played, recorded and understood, Hz. */
export const RATE = 8000

/** Rates at which codecs give and take sound, Hz: that of telephones, and that of wideband. */
export type SoundRate = 8000 | 16_000

/** As signalling names them; L16 is one codec for each of its rates. */
export type CodecName = 'PCMU' | 'PCMA' | 'G722' | 'opus' | 'L16/8000' | 'L16/16000'

/** The most samples that a payload may decode to: 240 ms of wideband sound. */
export const LONGEST_DECODED = 3840

/** Turns the payloads of one stream into sound, in their order. Never throws on any bytes. */
export interface Decoder {
  /** Writes the sound of a payload; returns how many samples, at most {@link LONGEST_DECODED}. 0 when it holds none. */
  decode(bytes: Uint8Array, start: number, length: number, into: Int16Array): number
  /**
   * Writes `samples` of sound in place of a packet that was lost. `next` is the payload of the packet after it, where it is
   * there: some codecs repeat in it what came before.
   */
  conceal(into: Int16Array, samples: number, next?: { bytes: Uint8Array; start: number; length: number }): void
}

/** Turns the sound of one stream into payloads. */
export interface Encoder {
  /** Encodes `samples` from the beginning of `pcm`, and writes the payload at `start`. Returns its length in bytes. */
  encode(pcm: Int16Array, samples: number, bytes: Uint8Array, start: number): number
  /** So many packets of a hundred are lost on the way: what comes from now on is made for that, where the codec can. */
  protect?(lossPercent: number): void
}

/** A codec: how its sound is made and heard. What negotiation knows of it stands in `protocol/sdp`. */
export interface AudioCodec {
  readonly name: CodecName
  /** Of its RTP timestamps, Hz: for G.722 not that of its sound (RFC 3551 §4.5.2). */
  readonly clockRate: number
  /** Its best rate. */
  readonly soundRate: SoundRate
  /** Ms of sound that a payload may hold, growing; the largest that isn't above what is wanted is taken. */
  readonly frames: readonly number[]
  decoder(rate: SoundRate): Decoder
  encoder(rate: SoundRate): Encoder
}

/** The longest packet of a codec that isn't longer than `ms`. */
export function frameOf(codec: AudioCodec, ms: number): number {
  return codec.frames.findLast((frame) => frame <= ms) ?? codec.frames[0]!
}
