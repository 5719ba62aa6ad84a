import { ANSWER_FRAME, AnswerDetector, type AnswerSettings, type Verdict } from '#protocol/audio/index.ts'
import { Timeline } from './timeline.ts'

/** Samples that are waited for late packets: 60 ms. */
const OPEN = 480

/**
 * Listens to what a far end says, laid out along the clock, so that a pause that sends no packets is as long as it is. On the media
 * thread; a verdict comes up to a tenth of a second after what it is about.
 */
export class Detecting {
  readonly detect: number
  readonly timeline: Timeline
  readonly #detector: AnswerDetector
  readonly #frame = new Int16Array(ANSWER_FRAME)
  #filled = 0

  constructor(detect: number, amd: Partial<AnswerSettings>, now: number) {
    this.detect = detect
    this.timeline = new Timeline(now, { open: OPEN })
    this.#detector = new AnswerDetector(amd)
  }

  get over(): boolean {
    return this.#detector.over
  }

  /** Judges what is complete by now. */
  pull(now: number): Verdict[] {
    const verdicts: Verdict[] = []
    for (const sample of this.timeline.pull(now, false)) {
      this.#frame[this.#filled++] = sample
      if (this.#filled < ANSWER_FRAME) continue
      this.#filled = 0
      verdicts.push(...this.#detector.push(this.#frame))
    }
    return verdicts
  }
}
