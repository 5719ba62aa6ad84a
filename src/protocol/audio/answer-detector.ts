import { type Beep, BeepDetector } from './beep-detector.ts'
import { NoiseFloor } from './noise-floor.ts'
import { ProgressDetector, type ProgressTone } from './progress-detector.ts'
import { type Tonality, tonality } from './tonality.ts'

/** Samples of a frame: 20 ms. */
export const ANSWER_FRAME = 160
const FRAME_MS = 20

/**
 * What has answered a call, as far as it can be heard; `machine-end`: its greeting is over, and it listens; `network`: nobody
 * has, and the network says so by a tone behind an answer of its own.
 */
export type AnsweredBy = 'human' | 'machine' | 'machine-end' | 'fax' | 'network' | 'unknown'

/** By what that was known. */
export type AnswerReason =
  | ('short-greeting' | 'long-greeting' | 'beep' | 'silence' | 'fax-tone' | 'no-speech' | 'timeout')
  | ('busy-tone' | 'congestion-tone' | 'special-tone')

export interface Verdict {
  answeredBy: AnsweredBy
  reason: AnswerReason
  /** Ms since the detector began. */
  ms: number
}

/** Times in ms. */
export interface AnswerSettings {
  /** Whose network's tones may come (ISO 3166-1, lower case); others than known are as most of Europe's. */
  country: string
  /** Whether the end of a machine's greeting is awaited, which ends with `machine-end`. */
  untilEnd: boolean
  /** Nothing said for so long since the answer: nobody can tell. */
  noSpeechMs: number
  /** A greeting of a person is shorter. */
  greetingMs: number
  /** Silence that ends a greeting. */
  greetingEndMs: number
  /** Silence after which a machine listens, though it has not beeped. */
  messageEndMs: number
  /** After which it is over in any case. */
  timeoutMs: number
}

/** Tuned on the training half of the set of bench/amd-set.ts. */
export const ANSWER_SETTINGS: Readonly<AnswerSettings> = {
  country: '',
  untilEnd: false,
  noSpeechMs: 5000,
  greetingMs: 2400,
  greetingEndMs: 800,
  messageEndMs: 3000,
  timeoutMs: 30_000,
}

/** A voice is this much louder than the noise of the line, in power (9 dB), and than this in any case (−48 dBm0). */
const ABOVE_NOISE = 8
const QUIETEST = 10_000

/** Frames of the last five that make somebody speak. */
const ONSET = 3

/** Tones that are beeps: in ms and Hz. Those of telephones that ring and of networks are lower. */
const BEEP = { shortestMs: 120, lowestHz: 480, highestHz: 3000 } as const

/** ITU-T T.30 §4.2: of a fax that answers, of one that calls. */
const CED = { hz: 2100, within: 40, ms: 400 } as const
const CNG = { hz: 1100, within: 45, shortestMs: 380, longestMs: 600 } as const

/** Ms by which something steady may have begun before it is steady. */
const STEADY_FROM_MS = 100

/** Ms of speech before a tone that make it no fax's. */
const SPOKEN = 300

/** Ms behind one of the network's tones in which a beep is that tone itself. */
const TONE_ENDS_MS = 120

/** The tones by which a network says that there is nobody. Behind an answer the others say nothing: a PBX rings within it. */
const NOBODY: Partial<Record<ProgressTone, AnswerReason>> = {
  busy: 'busy-tone',
  congestion: 'congestion-tone',
  sit: 'special-tone',
}

/**
 * Tells a person from a machine by how long the greeting is: a person says a word or two and waits for an answer. Hears the beep
 * behind a machine's greeting, the tones of a fax and of a network. Pure: 20 ms frames of 8 kHz in, verdicts out.
 */
export class AnswerDetector {
  readonly #settings: AnswerSettings
  readonly #floor = new NoiseFloor()
  readonly #beeps = new BeepDetector()
  readonly #network: ProgressDetector
  readonly #tone: Tonality = { power: 0, hz: 0, rest: 1 }
  /** The last five frames, a bit each. */
  #loud = 0
  #ms = 0
  #speechAt = -1
  #lastLoud = -1
  #spokenMs = 0
  /** When one of the network's tones was last heard. */
  #tonedAt = -1
  #machine = false
  #over = false

  constructor(settings: Partial<AnswerSettings> = {}) {
    this.#settings = { ...ANSWER_SETTINGS, ...settings }
    this.#network = new ProgressDetector(this.#settings.country)
  }

  /** Whether there is nothing more to be told. */
  get over(): boolean {
    return this.#over
  }

  /** Takes the next 20 ms; what is known by them, the most important first, mostly nothing. */
  push(frame: Int16Array): readonly Verdict[] {
    if (this.#over) return []
    this.#ms += FRAME_MS
    tonality(frame, this.#tone)
    const floor = this.#floor.push(this.#tone.power)
    const beep = this.#beeps.push(this.#tone, floor)
    const nobody = this.#nobody(frame)
    this.#listen(floor)
    if (nobody) return this.#end('network', nobody)
    const verdicts = (beep && this.#toned(beep)) ?? this.#spoken()
    if (verdicts.length === 0 && this.#ms >= this.#settings.timeoutMs) {
      return this.#end(this.#machine ? 'machine-end' : 'unknown', 'timeout')
    }
    return verdicts
  }

  /** Whether the network says that nobody is there; a machine that has spoken is. */
  #nobody(frame: Int16Array): AnswerReason | undefined {
    if (this.#machine) return undefined
    const said = this.#network.push(frame)
    if (this.#network.isOn) this.#tonedAt = this.#ms
    return said ? NOBODY[said.tone] : undefined
  }

  /** Whether somebody speaks in this frame: loud, and no steady tone, nor one of the network's. */
  #listen(floor: number): void {
    const { power } = this.#tone
    const toned = this.#beeps.lastsMs >= BEEP.shortestMs || this.#tonedAt === this.#ms
    const loud = power > Math.max(QUIETEST, floor * ABOVE_NOISE) && !toned
    this.#loud = ((this.#loud << 1) | (loud ? 1 : 0)) & 0x1f
    // What seemed to be speech was the line's own noise, which had just begun.
    const noise = this.#floor.steadyMs > 0 && this.#ms - this.#speechAt <= this.#floor.steadyMs + STEADY_FROM_MS
    if (noise && !this.#machine) this.#unsay()
    if (!loud || ones(this.#loud) < ONSET) return
    if (this.#speechAt < 0) this.#speechAt = this.#ms - ONSET * FRAME_MS
    this.#lastLoud = this.#ms
    this.#spokenMs += FRAME_MS
  }

  #toned({ hz, ms }: Beep): readonly Verdict[] | null {
    const first = this.#spokenMs < SPOKEN && !this.#machine
    if (first && Math.abs(hz - CED.hz) < CED.within) return ms >= CED.ms ? this.#end('fax', 'fax-tone') : null
    if (first && Math.abs(hz - CNG.hz) < CNG.within && ms < CNG.longestMs) {
      return ms >= CNG.shortestMs ? this.#end('fax', 'fax-tone') : null
    }
    if (this.#tonedAt >= 0 && this.#ms - this.#tonedAt < TONE_ENDS_MS) return null
    if (ms < BEEP.shortestMs || hz < BEEP.lowestHz || hz > BEEP.highestHz) return null
    const machine = this.#machine ? [] : [this.#verdict('machine', 'beep')]
    this.#machine = true
    if (!this.#settings.untilEnd) {
      this.#over = true
      return machine
    }
    return [...machine, ...this.#end('machine-end', 'beep')]
  }

  #spoken(): readonly Verdict[] {
    const { noSpeechMs, greetingMs, greetingEndMs, messageEndMs, untilEnd } = this.#settings
    if (this.#beeps.lastsMs >= BEEP.shortestMs) return []
    if (this.#speechAt < 0) return this.#ms >= noSpeechMs ? this.#end('unknown', 'no-speech') : []
    const silentMs = this.#ms - this.#lastLoud
    if (this.#machine) return silentMs >= messageEndMs ? this.#end('machine-end', 'silence') : []
    if (this.#lastLoud - this.#speechAt >= greetingMs) {
      this.#machine = true
      this.#over = !untilEnd
      return [this.#verdict('machine', 'long-greeting')]
    }
    if (silentMs < greetingEndMs) return []
    if (this.#spokenMs >= 5 * FRAME_MS) return this.#end('human', 'short-greeting')
    // A click, not a word.
    this.#unsay()
    return []
  }

  #unsay(): void {
    this.#speechAt = -1
    this.#spokenMs = 0
  }

  #end(answeredBy: AnsweredBy, reason: AnswerReason): readonly Verdict[] {
    this.#over = true
    return [this.#verdict(answeredBy, reason)]
  }

  #verdict(answeredBy: AnsweredBy, reason: AnswerReason): Verdict {
    return { answeredBy, reason, ms: this.#ms }
  }
}

function ones(bits: number): number {
  let count = 0
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++
  return count
}
