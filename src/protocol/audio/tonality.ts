/** What a piece of sound is, as far as it is one tone. */
export interface Tonality {
  /** Mean square of its samples. */
  power: number
  /** The frequency of the sine that comes nearest to it, Hz. */
  hz: number
  /** How much of it is not that sine, 0–1: noise beside a tone, nearly all of anything else. */
  rest: number
}

/**
 * Finds the one sine in 8 kHz samples by linear prediction: of a sine each sample is that before it, times twice the cosine of its
 * step, less the one before that. Writes into `into`, so that nothing is allocated.
 */
export function tonality(pcm: Int16Array, into: Tonality): void {
  let energy = 0
  let middle = 0
  let cross = 0
  let sides = 0
  const last = pcm.length - 1
  for (let i = 0; i <= last; i++) energy += pcm[i]! * pcm[i]!
  for (let i = 1; i < last; i++) {
    const around = pcm[i - 1]! + pcm[i + 1]!
    middle += pcm[i]! * pcm[i]!
    cross += pcm[i]! * around
    sides += around * around
  }
  const step = middle === 0 ? 0 : Math.max(-2, Math.min(2, cross / middle))
  into.power = energy / Math.max(1, pcm.length)
  into.hz = (Math.acos(step / 2) * 8000) / (2 * Math.PI)
  // White noise comes through the difference with the sum of its squared factors.
  const error = sides - 2 * step * cross + step * step * middle
  into.rest = middle === 0 ? 1 : Math.max(0, Math.min(1, error / ((2 + step * step) * middle)))
}
