import { level } from '#protocol/audio/index.ts'

/** RMS below which there is silence: about −44 dBFS, above line noise, below a whisper. */
const SILENCE_LEVEL = 200

/** Silence is judged in pieces of this many samples of each channel. */
const PIECE = 160

/** Says when a recording is over, by what has been recorded. Pure: time is counted in samples. */
export class RecordingLimit {
  readonly #maxSamples: number
  readonly #silenceSamples: number
  readonly #piece: number
  #samples = 0
  #silent = 0

  /** `silenceMs` 0 means that silence never ends it. */
  constructor(maxMs: number, silenceMs: number, channels = 1) {
    this.#maxSamples = maxMs * 8 * channels
    this.#silenceSamples = silenceMs * 8 * channels
    this.#piece = PIECE * channels
  }

  /** Takes the next sound; how much of it belongs to the recording, and why that is the end, if it is. */
  take(pcm: Int16Array): { keep: number; end: 'max' | 'silence' | null } {
    for (let at = 0; at < pcm.length; at += this.#piece) {
      const piece = pcm.subarray(at, at + this.#piece)
      if (this.#samples + piece.length >= this.#maxSamples) return { keep: at + this.#maxSamples - this.#samples, end: 'max' }
      this.#samples += piece.length
      this.#silent = level(piece) < SILENCE_LEVEL ? this.#silent + piece.length : 0
      if (this.#silenceSamples > 0 && this.#silent >= this.#silenceSamples) return { keep: at + piece.length, end: 'silence' }
    }
    return { keep: pcm.length, end: null }
  }
}
