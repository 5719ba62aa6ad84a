import type { Clock, Timer } from '#lib/index.ts'
import type { VoiceMethods } from '#platform/words/index.ts'

type GatherParams = VoiceMethods['gather']['params']
export type GatherResult = VoiceMethods['gather']['result']

/**
 * Collects digits. The first digit is awaited `timeoutMs` from the end of the prompt, each further one
 * `interDigitTimeoutMs` from the end of the one before; a key that is held down stops the time.
 */
export class Collector {
  readonly #params: GatherParams
  readonly #clock: Clock
  readonly #finish: (result: GatherResult) => void
  #digits = ''
  #timer: Timer | undefined
  #down = false
  #over = false

  constructor(params: GatherParams, clock: Clock, finish: (result: GatherResult) => void) {
    this.#params = params
    this.#clock = clock
    this.#finish = finish
  }

  /** The prompt is over, or there was none. */
  promptEnded(): void {
    if (this.#digits === '' && !this.#down && !this.#timer) this.#wait(this.#params.timeoutMs)
  }

  started(): void {
    this.#down = true
    this.#timer?.cancel()
    this.#timer = undefined
  }

  ended(digit: string): void {
    this.#down = false
    if (this.#over) return
    const { finishKey, maxDigits, interDigitTimeoutMs } = this.#params
    if (finishKey?.includes(digit)) {
      this.end('finish-key')
      return
    }
    this.#digits += digit
    if (maxDigits && this.#digits.length >= maxDigits) {
      this.end('max-digits')
      return
    }
    this.#wait(interDigitTimeoutMs)
  }

  /** Ends it; what was collected counts. */
  end(reason: GatherResult['reason']): void {
    if (this.#over) return
    this.#over = true
    this.#timer?.cancel()
    this.#finish({ digits: this.#digits, reason })
  }

  #wait(ms: number): void {
    this.#timer?.cancel()
    if (!this.#over) this.#timer = this.#clock.after(ms, () => this.end('timeout'), { keepAlive: true })
  }
}
