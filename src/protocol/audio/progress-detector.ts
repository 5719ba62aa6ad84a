import type { ToneName } from './country-tones.ts'
import { amplitudeAt } from './goertzel.ts'
import { type Tonality, tonality } from './tonality.ts'
import { type Cadence, cadencesOf, recognise, type Turn } from './tone-cadence.ts'

/** What a network says of a call before it is answered; `sit`: the three rising tones before an announcement (ITU-T E.180 §7). */
export type ProgressTone = ToneName | 'sit'

export interface Progress {
  tone: ProgressTone
  /** Ms since the detector began. */
  ms: number
}

/** Samples of a frame (20 ms), and of the window in which frequencies are told apart: 60 ms. */
const FRAME = 160
const FRAME_MS = 20
const WINDOW = 480

/** Mean square below which nothing is a tone: −45 dBm0. */
const QUIETEST = 20_000

/** Part of all sound in the window that is the tone's. At half of it, a window is half filled. */
const PURITY = 0.55

/** The least part that each frequency of several has. */
const LEAST = 0.12

/** Frames in a row that make a change. */
const SETTLED = 2

/** A tone that is on for so long without a pause never has one, ms. */
const CONTINUOUS_MS = 2600

/** Turns that are kept. */
const MOST_TURNS = 8

/** Silence after which what came before is forgotten, ms: the longest pause of a ringback, and some. */
const FORGOTTEN_MS = 7000

/** ITU-T Q.35 §5: each for a third of a second, right behind each other. */
const SIT = { hz: [950, 1400, 1800], within: 55, shortestMs: 200, longestMs: 460, gapMs: 120 } as const

/** Hears the tones of a country's network, by their frequencies and cadence. Pure: frames of 20 ms, 8 kHz. */
export class ProgressDetector {
  readonly #cadences: Cadence[]
  readonly #chords: { chord: string; frequencies: readonly number[] }[]
  readonly #window = new Int16Array(WINDOW)
  readonly #special = new SpecialTones()
  #ms = 0
  /** Index of the chord that is on, −1 for none; and the one that may come to be. */
  #on = -1
  #next = -1
  #nextFrames = 0
  #since = 0
  #turns: Turn[] = []
  /** Of which chord the turns are, and when the last of them began to be off. */
  #chord = -1
  #onMs = 0
  #told: ProgressTone | null = null

  /** `country` by ISO 3166-1, lower case; others are as most of Europe. */
  constructor(country: string) {
    this.#cadences = cadencesOf(country)
    const chords = new Map(this.#cadences.map((cadence) => [cadence.chord, cadence.frequencies]))
    this.#chords = [...chords].map(([chord, frequencies]) => ({ chord, frequencies }))
  }

  /** Whether one of the country's tones is heard now, whatever its cadence comes to. */
  get isOn(): boolean {
    return this.#on >= 0
  }

  /** Takes the next frame; a tone, once it is known, and again only after another one. */
  push(frame: Int16Array): Progress | null {
    this.#ms += FRAME_MS
    this.#window.copyWithin(0, FRAME)
    this.#window.set(frame, WINDOW - FRAME)
    if (this.#special.push(frame)) return this.#tell('sit')
    const chord = this.#heard()
    this.#nextFrames = chord === this.#next ? this.#nextFrames + 1 : 1
    this.#next = chord
    if (chord !== this.#on && this.#nextFrames >= SETTLED) this.#turn(chord)
    return this.#judge()
  }

  /** Another chord, or none, has begun when it was first heard. */
  #turn(chord: number): void {
    const at = this.#ms - (SETTLED - 1) * FRAME_MS
    const lasted = at - this.#since
    if (this.#on >= 0) this.#onMs = lasted
    else if (this.#onMs > 0) this.#turns.push({ onMs: this.#onMs, offMs: lasted })
    if (chord >= 0 && (chord !== this.#chord || lasted > FORGOTTEN_MS)) this.#forget(chord)
    if (this.#turns.length > MOST_TURNS) this.#turns.shift()
    this.#on = chord
    this.#since = at
  }

  #forget(chord: number): void {
    this.#turns = []
    this.#onMs = 0
    this.#chord = chord
    this.#told = null
  }

  #judge(): Progress | null {
    if (this.#chord < 0) return null
    const { chord } = this.#chords[this.#chord]!
    const cadences = this.#cadences.filter((cadence) => cadence.chord === chord)
    const lastsMs = this.#ms - this.#since
    if (this.#on >= 0) {
      const steady = cadences.find(({ steps }) => steps.length === 0)
      if (steady && lastsMs >= CONTINUOUS_MS) return this.#tell(steady.name)
      // What was off is over: just now, and only then, is there something new to be known.
      return lastsMs <= SETTLED * FRAME_MS && this.#turns.length > 0 ? this.#known(recognise(cadences, this.#turns, false)) : null
    }
    if (this.#onMs === 0 || lastsMs > FORGOTTEN_MS) return null
    return this.#known(recognise(cadences, [...this.#turns, { onMs: this.#onMs, offMs: lastsMs }], true))
  }

  #known(tone: ToneName | null): Progress | null {
    return tone ? this.#tell(tone) : null
  }

  #tell(tone: ProgressTone): Progress | null {
    if (this.#told === tone) return null
    this.#told = tone
    return { tone, ms: this.#ms }
  }

  /** The chord of the window, −1 for none: the one that most of the sound is. */
  #heard(): number {
    let total = 0
    for (const sample of this.#window) total += sample * sample
    total /= WINDOW
    if (total < QUIETEST) return -1
    let best = -1
    let most = PURITY
    for (const [i, { frequencies }] of this.#chords.entries()) {
      let sum = 0
      let least = 1
      for (const hz of frequencies) {
        const part = powerAt(this.#window, hz) / total
        sum += part
        least = Math.min(least, part)
      }
      if (sum > most && least >= LEAST) {
        most = sum
        best = i
      }
    }
    return best
  }
}

/** Mean square of one frequency. */
function powerAt(samples: Int16Array, hz: number): number {
  return amplitudeAt(samples, hz) ** 2 / 2
}

/** Hears the three special information tones, one after the other. */
class SpecialTones {
  readonly #tone: Tonality = { power: 0, hz: 0, rest: 1 }
  /** How many of the three were heard, how long the one that is on has lasted, and the silence behind the last. */
  #heard = 0
  #lasts = 0
  #gap = 0

  /** True with the frame that makes the third long enough. */
  push(frame: Int16Array): boolean {
    tonality(frame, this.#tone)
    const { power, hz, rest } = this.#tone
    const tonal = power > QUIETEST && rest < 0.05
    const at = tonal ? SIT.hz.findIndex((due) => Math.abs(hz - due) < SIT.within) : -1
    if (at === this.#heard && at >= 0) {
      this.#lasts += FRAME_MS
      this.#gap = 0
      return at === 2 && this.#lasts === SIT.shortestMs
    }
    if (at === this.#heard + 1 && this.#lasts >= SIT.shortestMs && this.#lasts <= SIT.longestMs) {
      this.#heard = at
      this.#lasts = FRAME_MS
      this.#gap = 0
      return false
    }
    this.#gap += FRAME_MS
    if (this.#gap > SIT.gapMs || at >= 0) {
      this.#heard = 0
      this.#lasts = at === 0 ? FRAME_MS : 0
      this.#gap = 0
    }
    return false
  }
}
