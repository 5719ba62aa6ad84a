import type { Clock, Timer } from '#lib/index.ts'
import type { PromptSource, VoiceMethods } from '#platform/words/index.ts'
import type { Prompt } from './prompt.ts'
import type { Session } from './session.ts'

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
    const few = this.#digits.length < (this.#params.minDigits ?? 0) && (reason === 'timeout' || reason === 'finish-key')
    this.#finish({ digits: this.#digits, reason: few ? 'too-few' : reason })
  }

  #wait(ms: number): void {
    this.#timer?.cancel()
    if (!this.#over) this.#timer = this.#clock.after(ms, () => this.end('timeout'), { keepAlive: true })
  }
}

/**
 * Plays the prompt, if there is one, until the first key, and collects digits until something ends it. `prepare` makes the
 * prompt, or null when its signal aborts first.
 */
export async function gather(
  session: Session,
  params: GatherParams,
  stop: AbortSignal,
  { clock, prepare }: { clock: Clock; prepare(source: PromptSource, stop: AbortSignal): Promise<Prompt | null> },
): Promise<GatherResult> {
  const { promise, resolve } = Promise.withResolvers<GatherResult>()
  const collector = new Collector(params, clock, resolve)
  const bargeIn = new AbortController()
  const digits = {
    started: () => {
      collector.started()
      bargeIn.abort('stopped')
    },
    ended: (digit: string) => collector.ended(digit),
  }
  const onStop = () => {
    bargeIn.abort('stopped')
    collector.end(stop.reason === 'gone' ? 'gone' : 'stopped')
  }
  session.digits.add(digits)
  stop.addEventListener('abort', onStop, { once: true })
  try {
    const prompt = params.prompt ? await prepare(params.prompt, bargeIn.signal) : null
    if (prompt) {
      const playback = session.play(prompt)
      bargeIn.signal.addEventListener('abort', playback.stop, { once: true })
      void playback.done.then(() => collector.promptEnded())
    } else collector.promptEnded()
    return await promise
  } finally {
    bargeIn.abort('stopped')
    collector.end('stopped')
    stop.removeEventListener('abort', onStop)
    session.digits.delete(digits)
  }
}
