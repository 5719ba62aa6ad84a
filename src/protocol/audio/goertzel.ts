import { RATE } from './codec.ts'

/** The amplitude of one frequency in 8 kHz samples, in the samples' scale: a pure tone of peak 8000 gives about 8000. */
export function amplitudeAt(samples: Int16Array, hz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / RATE)
  let s1 = 0
  let s2 = 0
  for (const sample of samples) {
    const s0 = sample + coefficient * s1 - s2
    s2 = s1
    s1 = s0
  }
  const power = s1 * s1 + s2 * s2 - coefficient * s1 * s2
  return samples.length === 0 ? 0 : (2 * Math.sqrt(Math.max(0, power))) / samples.length
}

/** The root mean square of samples. */
export function level(samples: Int16Array): number {
  let sum = 0
  for (const sample of samples) sum += sample * sample
  return samples.length === 0 ? 0 : Math.sqrt(sum / samples.length)
}

/**
 * Which of `candidates` (Hz) is heard: the strongest, when it holds most of the sound's energy and is above `floor` (RMS,
 * default 100); otherwise null.
 */
export function heardTone(samples: Int16Array, candidates: readonly number[], floor = 100): number | null {
  const rms = level(samples)
  if (rms < floor) return null
  let best = 0
  let loudest: number | null = null
  for (const hz of candidates) {
    const amplitude = amplitudeAt(samples, hz)
    if (amplitude > best) {
      best = amplitude
      loudest = hz
    }
  }
  return best / Math.SQRT2 > rms * 0.8 ? loudest : null
}
