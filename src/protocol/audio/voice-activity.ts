/** Samples of one judgement: 10 ms. */
const FRAME = 80

/** A voice is this much louder than what was there before it, in power: 9 dB. */
const ABOVE_NOISE = 8

/** Mean square below which nothing is taken for a voice: −48 dBm0. */
const QUIETEST = 10_000

/** Frames of the last ten that make a beginning. */
const ONSET = 7

/** How fast the floor follows louder noise: a factor of two a second. */
const RISE = 2 ** (1 / 100)

/**
 * Tells when somebody begins to speak, and when nothing was said for a while: loudness against a floor that follows the
 * line's own noise. 8 kHz. A beginning is told about 100 ms after the first sound.
 */
export class VoiceActivity {
  readonly #silenceFrames: number
  #floor = QUIETEST
  /** The last ten frames, a bit each. */
  #loud = 0
  #quiet = 0
  #sum = 0
  #count = 0
  /** Whether somebody speaks. */
  speaking = false

  /** `silenceMs` of quiet end what was said. */
  constructor(silenceMs: number) {
    this.#silenceFrames = Math.max(1, Math.round(silenceMs / 10))
  }

  /** Takes what was heard next; what has changed by it, the last change if there are several. */
  push(pcm: Int16Array): 'began' | 'ended' | null {
    let change: 'began' | 'ended' | null = null
    for (const sample of pcm) {
      this.#sum += sample * sample
      if (++this.#count < FRAME) continue
      change = this.#judge(this.#sum / FRAME) ?? change
      this.#sum = 0
      this.#count = 0
    }
    return change
  }

  #judge(power: number): 'began' | 'ended' | null {
    const loud = power > Math.max(QUIETEST, this.#floor * ABOVE_NOISE)
    this.#floor = Math.max(1, Math.min(power, this.#floor * RISE))
    this.#loud = ((this.#loud << 1) | (loud ? 1 : 0)) & 0x3ff
    this.#quiet = loud ? 0 : this.#quiet + 1
    if (!this.speaking && ones(this.#loud) >= ONSET) {
      this.speaking = true
      return 'began'
    }
    if (this.speaking && this.#quiet >= this.#silenceFrames) {
      this.speaking = false
      this.#loud = 0
      return 'ended'
    }
    return null
  }
}

function ones(bits: number): number {
  let count = 0
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++
  return count
}
