import { countryTone, TONE_NAMES, type ToneName } from './country-tones.ts'

/** What a tone of a network looks like: which frequencies, and how long they are on and off, round after round. */
export interface Cadence {
  name: ToneName
  /** Its frequencies as one word, by which those of one sound are known as the same. */
  chord: string
  frequencies: readonly number[]
  /** Empty where it never stops. */
  steps: readonly Turn[]
}

/** For how long it was on, and then off, ms. */
export interface Turn {
  onMs: number
  offMs: number
}

/** Ms by which a turn may be longer or shorter, or a part of it: what is measured moves by a frame at each end. */
const SLACK_MS = 50
const SLACK = 0.14

/** The tones of a country. Those that sound alike are one, the first of their names. */
export function cadencesOf(country: string): Cadence[] {
  const cadences: Cadence[] = []
  for (const name of TONE_NAMES) {
    const steps = countryTone(name, country)
    const frequencies = steps[0]!.frequencies
    const turns = steps.length === 1 && steps[0]!.offMs === 0 ? [] : steps.map(({ onMs, offMs }) => ({ onMs, offMs }))
    const cadence = { name, chord: frequencies.join('+'), frequencies, steps: turns }
    const same = cadences.some(({ chord, steps }) => chord === cadence.chord && JSON.stringify(steps) === JSON.stringify(turns))
    if (!same) cadences.push(cadence)
  }
  return cadences
}

function near(measured: number, due: number): boolean {
  return Math.abs(measured - due) <= Math.max(SLACK_MS, SLACK * due)
}

/**
 * How far the newest turns are from a cadence, ms a turn; null where they are not its. `open`: the last pause is not over yet, so
 * that it may be any part of the one that is due.
 */
function distance({ steps }: Cadence, turns: readonly Turn[], open: boolean): number | null {
  let best: number | null = null
  for (let first = 0; first < steps.length; first++) {
    let sum = 0
    const fits = turns.every(({ onMs, offMs }, k) => {
      const due = steps[(first + k) % steps.length]!
      const last = open && k === turns.length - 1
      sum += Math.abs(onMs - due.onMs) + (last ? 0 : Math.abs(offMs - due.offMs))
      return near(onMs, due.onMs) && (last ? offMs <= due.offMs + SLACK_MS : near(offMs, due.offMs))
    })
    if (fits) best = Math.min(best ?? Number.POSITIVE_INFINITY, sum / turns.length)
  }
  return best
}

/**
 * Which of the cadences it is, by the newest turns of one chord; null while that is open. One of equal turns is only known from
 * one of several by more turns than those have.
 */
export function recognise(cadences: readonly Cadence[], turns: readonly Turn[], open: boolean): ToneName | null {
  const longest = Math.max(0, ...cadences.map(({ steps }) => steps.length))
  let found: { name: ToneName; off: number } | null = null
  for (const cadence of cadences) {
    const { steps } = cadence
    if (steps.length === 0) continue
    const others = cadences.filter((other) => other !== cadence)
    const shortest = Math.max(0, ...others.flatMap((other) => other.steps.map(({ offMs }) => offMs)))
    const pause = turns.at(-1)!.offMs
    // A pause that is longer than any of another tone says it at once.
    const sure = pause > shortest * (1 + SLACK) + SLACK_MS
    const needed = sure ? steps.length : open ? Number.POSITIVE_INFINITY : steps.length === 1 ? longest + 1 : steps.length
    if (turns.length < needed) continue
    const off = distance(cadence, turns.slice(-needed), open)
    if (off !== null && (!found || off < found.off)) found = { name: cadence.name, off }
  }
  return found?.name ?? null
}
