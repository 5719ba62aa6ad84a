import type { Detection } from '#platform/words/index.ts'
import { ANSWER_FRAME, AnswerDetector, ProgressDetector } from '#protocol/audio/index.ts'
import type { Found } from './command.ts'
import { Timeline } from './timeline.ts'

/** Samples that are waited for late packets: 60 ms. */
const OPEN = 480

/**
 * Listens to what a far end says, laid out along the clock, so that a pause that sends no packets is as long as it is. On the media
 * thread; what is found comes up to a tenth of a second after what it is about.
 */
export class Detecting {
  readonly detect: number
  readonly timeline: Timeline
  readonly #push: (frame: Int16Array) => readonly Found[]
  readonly #isOver: () => boolean
  readonly #frame = new Int16Array(ANSWER_FRAME)
  #filled = 0

  constructor(detect: number, what: Detection, now: number) {
    this.detect = detect
    this.timeline = new Timeline(now, { open: OPEN })
    if ('amd' in what) {
      const detector = new AnswerDetector(what.amd)
      this.#push = (frame) => detector.push(frame).map((verdict) => ({ verdict }))
      this.#isOver = () => detector.over
    } else {
      const detector = new ProgressDetector(what.progress)
      this.#push = (frame) => {
        const progress = detector.push(frame)
        return progress ? [{ progress }] : []
      }
      this.#isOver = () => false
    }
  }

  get over(): boolean {
    return this.#isOver()
  }

  /** Judges what is complete by now. */
  pull(now: number): Found[] {
    const found: Found[] = []
    for (const sample of this.timeline.pull(now, false)) {
      this.#frame[this.#filled++] = sample
      if (this.#filled < ANSWER_FRAME) continue
      this.#filled = 0
      found.push(...this.#push(this.#frame))
    }
    return found
  }
}
