/** Frames of one block, and blocks that are looked back on: 3.2 s. */
const BLOCK = 10
const BLOCKS = 16

/** Frames over which power is smoothed. */
const SMOOTH = 3

/** Frames in which what is steady is known as noise: half a second. */
const STEADY = 25

/** How much louder the loudest moment of something steady is than its quietest, in power (5 dB): syllables are more. */
const STEADY_RANGE = 3

/**
 * Follows the noise of a line, by 20 ms frames: the quietest moment of the last 3.2 s. Speech has such moments, noise is one. A line
 * that was opened later, and was digitally silent before, is known by its steadiness.
 */
export class NoiseFloor {
  readonly #minima = new Float64Array(BLOCKS).fill(Number.POSITIVE_INFINITY)
  readonly #recent = new Float64Array(SMOOTH)
  readonly #smoothed = new Float64Array(STEADY)
  #frames = 0
  /** Ms for which what is heard has been steady, at least half a second; else 0. */
  steadyMs = 0

  /** Takes the power (mean square) of the next frame; the floor by now, in the same measure. */
  push(power: number): number {
    this.#recent[this.#frames % SMOOTH] = power
    const block = Math.floor(this.#frames / BLOCK) % BLOCKS
    if (this.#frames % BLOCK === 0) this.#minima[block] = Number.POSITIVE_INFINITY
    const held = Math.min(SMOOTH, this.#frames + 1)
    let sum = 0
    for (let i = 0; i < held; i++) sum += this.#recent[i]!
    this.#minima[block] = Math.min(this.#minima[block]!, sum / held)
    this.#smoothed[this.#frames % STEADY] = sum / held
    this.#frames++
    this.#rise()
    let floor = Number.POSITIVE_INFINITY
    for (const minimum of this.#minima) floor = Math.min(floor, minimum)
    return floor
  }

  /** What was quieter before something steady began is forgotten. */
  #rise(): void {
    let least = Number.POSITIVE_INFINITY
    let most = 0
    for (const power of this.#smoothed) {
      least = Math.min(least, power)
      most = Math.max(most, power)
    }
    const steady = this.#frames >= STEADY && most < least * STEADY_RANGE
    this.steadyMs = steady ? Math.max(STEADY * 20, this.steadyMs + 20) : 0
    if (!steady) return
    for (let i = 0; i < BLOCKS; i++) if (this.#minima[i]! < least) this.#minima[i] = least
  }
}
