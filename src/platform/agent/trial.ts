import type { Clock, Timer } from '#lib/index.ts'
import type { AgentConfig, CandidateStatus } from '#platform/words/index.ts'

type Version = NonNullable<AgentConfig['candidate']>

/** What a trial must know of a run of its version. */
export interface Tried {
  readonly process: {
    kill(): void
    /** Resolves when all that it has printed has been heard. */
    readonly printed: Promise<void>
  }
}

export interface TrialOptions<R extends Tried> {
  version: Version
  clock: Clock
  /** Ms within which the version must have proven itself, from its first start: that it waited for memory is not its fault. */
  withinMs: number
  /** Starts a run of it, once there is memory for it; `hear` is given each line that it prints. */
  start(hear: (lines: string[]) => void): Promise<R>
  /** Told when it has begun, and of the verdict. */
  onChange(): void
}

/** A version may fall over something that passes, such as a limit of the machine; not twice. */
const MAX_EXITS = 2
const KEPT_LINES = 10
const KEPT_CHARACTERS = 500
/** Ms that are waited for the last words of a run that has ended. */
const LAST_WORDS_MS = 500

/**
 * A version that runs beside the one that serves until its link to the switch is ready. One that ends twice, or is not ready
 * in time, has failed: it is ended, and its last lines are kept.
 */
export class Trial<R extends Tried> {
  readonly version: Version
  readonly #options: TrialOptions<R>
  #timer: Timer | null = null
  #run: R | null = null
  #verdict: CandidateStatus['verdict'] = 'trying'
  #reason = ''
  #log: string[] = []
  #exits = 0
  #closed = false

  constructor(options: TrialOptions<R>) {
    this.version = options.version
    this.#options = options
    this.#start()
  }

  get status(): CandidateStatus {
    return { version: this.version.id, verdict: this.#verdict, reason: this.#reason, log: this.#log }
  }

  get proven(): boolean {
    return this.#verdict === 'proven'
  }

  /** Its run, as long as it is tried. */
  get run(): R | null {
    return this.#run
  }

  /** Its run is ready: the version has proven itself, and the run is the supervisor's. */
  prove(): void {
    this.#run = null
    this.#settle('proven', '')
  }

  /** Its run has ended. */
  async exited(reason: string): Promise<void> {
    const ended = this.#run
    this.#run = null
    // One sentence, whatever the program has made of it.
    this.#reason = reason.replace(/\s+/g, ' ')
    if (++this.#exits < MAX_EXITS) return this.#start()
    const { clock } = this.#options
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = clock.after(LAST_WORDS_MS, resolve)
    await Promise.race([ended?.process.printed, late])
    timer.cancel()
    this.#fail(`it ended twice: ${this.#reason}`)
  }

  /** Nobody wants to know any more. */
  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    const run = this.#run
    this.#run = null
    run?.process.kill()
  }

  #start(): void {
    this.#options
      .start((lines) => this.#hear(lines))
      .then(
        (run) => {
          if (this.#closed) return run.process.kill()
          this.#run = run
          this.#timer ??= this.#deadline()
        },
        (error: Error) => {
          if (!this.#closed) this.#fail(`it could not be started: ${error.message}`)
        },
      )
  }

  #deadline(): Timer {
    const { withinMs, clock } = this.#options
    return clock.after(withinMs, () => this.#fail(`its link to the switch was not ready within ${withinMs / 1000} s`))
  }

  #hear(lines: string[]): void {
    if (this.#verdict !== 'trying') return
    this.#log = [...this.#log, ...lines.filter((line) => line.trim() !== '')].slice(-KEPT_LINES)
  }

  #fail(reason: string): void {
    if (this.#verdict !== 'trying') return
    this.#log = this.#log.map((line) => line.slice(0, KEPT_CHARACTERS))
    this.#settle('failed', reason)
  }

  #settle(verdict: 'proven' | 'failed', reason: string): void {
    this.#verdict = verdict
    this.#reason = reason
    this.close()
    this.#options.onChange()
  }
}
