import { type ChildProcess, fork } from 'node:child_process'
import { type Clock, SYSTEM_PATH, type Timer } from '#lib/index.ts'
import { Grammar } from './grammar.ts'
import {
  type Expected,
  notExpectable,
  type Recognised,
  type Recogniser,
  type Recognition,
  recognitionFailed,
} from './speech-engine.ts'

/** What its process is told; sound at 8 kHz. */
export type SphinxOrder = { start: { grammar: string | null; words: string[] } } | { pcm: Int16Array } | { finish: true }

/** What its process tells. */
export type SphinxReport = { ready: true } | { unknown: string[] } | { partial: string } | { text: string; confidence: number }

export interface SphinxOptions {
  clock: Clock
  /** The module that runs in a process of its own; a test has others, which misbehave. */
  module?: URL
  /** Ms to be ready in, and to answer in once all was heard. */
  timeoutMs?: number
}

const MODULE = new URL('./sphinx-process.ts', import.meta.url)
const TIMEOUT_MS = 5000
const LONGEST_TEXT = 1000

/** Speech understood by pocketsphinx, English alone: a process for each recognition, because it is C and may crash or hang. */
export class SphinxRecogniser implements Recogniser {
  readonly #options: SphinxOptions

  constructor(options: SphinxOptions) {
    this.#options = options
  }

  listen({ phrases, language }: Expected, partial: (text: string) => void): Recognition {
    if (!/^en\b/i.test(language)) throw notExpectable('the recogniser that is always there knows only English')
    const grammar = phrases ? new Grammar(phrases) : null
    return new SphinxRecognition(this.#options, grammar, partial)
  }
}

class SphinxRecognition implements Recognition {
  readonly done: Promise<Recognised>
  readonly #child: ChildProcess
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #grammar: Grammar | null
  readonly #partial: (text: string) => void
  readonly #settle: { resolve(result: Recognised): void; reject(error: unknown): void }
  #timer: Timer
  #finishing = false
  #closed = false

  constructor(
    { clock, module = MODULE, timeoutMs = TIMEOUT_MS }: SphinxOptions,
    grammar: Grammar | null,
    partial: (text: string) => void,
  ) {
    const { promise, resolve, reject } = Promise.withResolvers<Recognised>()
    this.done = promise
    this.done.catch(() => {})
    this.#settle = { resolve, reject }
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    this.#grammar = grammar
    this.#partial = partial
    this.#child = fork(module, { serialization: 'advanced', stdio: 'ignore', execArgv: [], env: { PATH: SYSTEM_PATH } })
    this.#child.on('message', (report: Partial<Record<string, unknown>>) => this.#take(report ?? {}))
    this.#child.on('error', (cause) => this.#fail(recognitionFailed('the recogniser can not be reached', cause)))
    this.#child.once('exit', () => this.#fail(recognitionFailed('the recogniser has died')))
    this.#timer = this.#limit()
    this.#tell({ start: { grammar: grammar?.jsgf ?? null, words: [...(grammar?.words ?? [])] } })
  }

  push(pcm: Int16Array): void {
    this.#tell({ pcm })
  }

  finish(): void {
    if (this.#closed) return
    this.#finishing = true
    this.#timer.cancel()
    this.#timer = this.#limit()
    this.#tell({ finish: true })
  }

  close(): void {
    this.#fail(recognitionFailed('it was given up'))
  }

  #limit(): Timer {
    return this.#clock.after(this.#timeoutMs, () => this.#fail(recognitionFailed('the recogniser takes too long')), {
      keepAlive: true,
    })
  }

  #tell(order: SphinxOrder): void {
    if (!this.#closed && this.#child.connected) this.#child.send(order, () => {})
  }

  /** What it says is not believed: it is C that heard a stranger. */
  #take(report: Partial<Record<string, unknown>>): void {
    const { ready, unknown, partial, text, confidence } = report
    if (this.#closed) return
    if (ready === true) {
      if (!this.#finishing) this.#timer.cancel()
    } else if (Array.isArray(unknown))
      this.#fail(
        notExpectable(
          `the recogniser has no word ${unknown
            .slice(0, 5)
            .map((w) => JSON.stringify(w))
            .join(', ')}`,
        ),
      )
    else if (typeof partial === 'string' && partial !== '' && partial.length <= LONGEST_TEXT)
      this.#partial(this.#grammar?.given(partial) ?? partial)
    else if (typeof text === 'string' && text.length <= LONGEST_TEXT && isProbability(confidence))
      this.#understood(text, confidence)
    else this.#fail(recognitionFailed('the recogniser talks nonsense'))
  }

  /** A grammar's search may end within a phrase: that is nothing understood. */
  #understood(text: string, confidence: number): void {
    const given = this.#grammar ? this.#grammar.given(text) : text
    this.#settle.resolve(given ? { text: given, confidence } : { text: '', confidence: 0 })
    this.#end()
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    this.#settle.reject(error)
    this.#end()
  }

  #end(): void {
    this.#closed = true
    this.#timer.cancel()
    this.#child.kill('SIGKILL')
  }
}

function isProbability(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1
}
