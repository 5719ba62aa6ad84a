import { RATE } from './codec.ts'

/** Part of a cadence: these frequencies in Hz together for `onMs`, then silence for `offMs`. */
export interface ToneStep {
  frequencies: number[]
  onMs: number
  offMs: number
}

/** Peak of a tone: −12 dBm0 and below, as networks send theirs. */
const PEAK = 8000

/** The longest cadence that is generated, ms. */
const LONGEST_MS = 60_000

function sound(into: Int16Array, start: number, length: number, frequencies: number[]): void {
  const peak = PEAK / Math.max(1, frequencies.length)
  for (let i = 0; i < length; i++) {
    let sum = 0
    for (const hz of frequencies) sum += Math.sin((2 * Math.PI * hz * (start + i)) / RATE)
    into[start + i] = Math.round(sum * peak)
  }
}

/**
 * One round of a cadence as 8 kHz samples, to be repeated. A tone without a pause is a whole second, so that whole Hz
 * repeat without a click.
 */
export function toneCycle(steps: readonly ToneStep[]): Int16Array {
  const only = steps.length === 1 ? steps[0] : undefined
  const parts = only && only.offMs === 0 ? [{ ...only, onMs: 1000 }] : steps
  const samples = (ms: number) => Math.round((Math.max(0, ms) * RATE) / 1000)
  const total = parts.reduce((sum, step) => sum + samples(step.onMs) + samples(step.offMs), 0)
  const cycle = new Int16Array(Math.min(total, samples(LONGEST_MS)))
  let at = 0
  for (const step of parts) {
    sound(cycle, at, Math.min(samples(step.onMs), Math.max(0, cycle.length - at)), step.frequencies)
    at += samples(step.onMs) + samples(step.offMs)
  }
  return cycle
}

/** The two frequencies of each key, Hz (ITU-T Q.23). */
export function dtmfFrequencies(key: string): [low: number, high: number] {
  const at = '123A456B789C*0#D'.indexOf(key)
  return [[697, 770, 852, 941][at >> 2]!, [1209, 1336, 1477, 1633][at & 3]!]
}
