import type { Clock, Timer } from '#lib/index.ts'
import type { HeardByProgram, PromptSource, Understood, VoiceMethods } from '#platform/words/index.ts'
import { Listener } from './listener.ts'
import type { Prompt } from './prompt.ts'
import type { Session } from './session.ts'
import { type Recogniser, recognitionFailed } from './speech-engine.ts'

type GatherParams = VoiceMethods['gather']['params']
export type GatherResult = VoiceMethods['gather']['result']

/**
 * Collects digits. The first digit is awaited `timeoutMs` from the end of the prompt, each further one
 * `interDigitTimeoutMs` from the end of the one before; a key that is held down, or a voice, stops the time. What is said
 * counts only where no key was pressed.
 */
export class Collector {
  readonly #params: GatherParams
  readonly #clock: Clock
  readonly #finish: (result: GatherResult) => void
  #digits = ''
  #timer: Timer | undefined
  #down = false
  #speaking = false
  #over = false

  constructor(params: GatherParams, clock: Clock, finish: (result: GatherResult) => void) {
    this.#params = params
    this.#clock = clock
    this.#finish = finish
  }

  /** The prompt is over, or there was none. */
  promptEnded(): void {
    if (this.#digits === '' && !this.#down && !this.#speaking && !this.#timer) this.#wait(this.#params.timeoutMs)
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

  /** Somebody speaks; whether that still counts. When nothing is understood within `limitMs` it is over. */
  voice(limitMs = Number.POSITIVE_INFINITY): boolean {
    if (this.#over || this.pressed) return false
    this.#speaking = true
    this.#timer?.cancel()
    this.#timer = undefined
    if (limitMs < Number.POSITIVE_INFINITY) this.#wait(limitMs)
    return true
  }

  understood(speech: Understood): void {
    if (this.#over || this.pressed) return
    this.#over = true
    this.#timer?.cancel()
    this.#finish(speech.text === '' ? { digits: '', reason: 'no-match' } : { digits: '', reason: 'speech', speech })
  }

  /** Whether a key was: then nothing that is said counts. */
  get pressed(): boolean {
    return this.#down || this.#digits !== ''
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

export interface GatherSurroundings {
  clock: Clock
  recogniser: Recogniser
  prepare(source: PromptSource, stop: AbortSignal): Promise<Prompt | null>
  /** Told what was understood so far. */
  partial(text: string): void
  /** Asked for what the program hears, where that listens by itself. */
  byProgram(take: (what: HeardByProgram) => void): void
}

interface Heard {
  began(): void
  understood(speech: Understood): void
  failed(error: unknown): void
}

/** Ms that a program's engine may take to understand, at most: it has a shorter time of its own. */
const PROGRAM_MS = 60_000

/** Hears what is said, where that is asked for. */
function listen(session: Session, { speech }: GatherParams, surroundings: GatherSurroundings, heard: Heard): Listener | null {
  if (!speech) return null
  const { recogniser, partial, byProgram } = surroundings
  if (speech.byProgram) {
    byProgram(({ speaking, text, confidence, failed }) => {
      if (failed) heard.failed(recognitionFailed('the engine of the program has failed'))
      else if (text !== undefined) heard.understood({ text, ...(confidence === undefined ? {} : { confidence }) })
      else if (speaking) heard.began()
    })
    return null
  }
  const { phrases, language, silenceMs, maxMs } = speech
  const recognition = recogniser.listen({ language, ...(phrases ? { phrases } : {}) }, partial)
  return new Listener({ session, recognition, silenceMs, maxMs, ...heard })
}

/**
 * Plays the prompt, if there is one, until the first key or word, and collects digits, and speech where it is asked for, until
 * something ends it. `prepare` makes the prompt, or null when its signal aborts first. Rejects where the recogniser fails.
 */
export async function gather(
  session: Session,
  params: GatherParams,
  stop: AbortSignal,
  surroundings: GatherSurroundings,
): Promise<GatherResult> {
  const { clock, prepare } = surroundings
  const { promise, resolve, reject } = Promise.withResolvers<GatherResult>()
  promise.catch(() => {})
  const collector = new Collector(params, clock, resolve)
  const bargeIn = new AbortController()
  const digits = {
    started: () => {
      collector.started()
      listener?.close()
      bargeIn.abort('stopped')
    },
    ended: (digit: string) => collector.ended(digit),
  }
  const onStop = () => {
    bargeIn.abort('stopped')
    collector.end(stop.reason === 'gone' ? 'gone' : 'stopped')
  }
  const listener = listen(session, params, surroundings, {
    began: () => {
      if (!collector.voice(params.speech?.byProgram ? params.speech.maxMs + PROGRAM_MS : undefined)) return
      if (params.speech?.bargeIn) bargeIn.abort('stopped')
    },
    understood: (speech) => collector.understood(speech),
    failed: (error) => collector.pressed || reject(error),
  })
  if (!params.deafToDigits) session.digits.add(digits)
  stop.addEventListener('abort', onStop, { once: true })
  try {
    const prompt = params.prompt ? await Promise.race([prepare(params.prompt, bargeIn.signal), promise.then(() => null)]) : null
    if (prompt) {
      const playback = session.play(prompt.sounding)
      bargeIn.signal.addEventListener('abort', playback.stop, { once: true })
      void playback.done.then(() => {
        if (prompt.failure) reject(prompt.failure)
        else collector.promptEnded()
        prompt[Symbol.dispose]()
      })
    } else collector.promptEnded()
    return await promise
  } finally {
    listener?.close()
    bargeIn.abort('stopped')
    collector.end('stopped')
    stop.removeEventListener('abort', onStop)
    session.digits.delete(digits)
  }
}
