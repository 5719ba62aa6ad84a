import { type ChildProcess, spawn } from 'node:child_process'
import { type Clock, type Confinement, confine, type Log, SYSTEM_PATH, type Timer } from '#lib/index.ts'
import type { ProcessStatus } from '#platform/words/index.ts'
import type { Level, LogSink } from './log-sink.ts'

/** One of the platform's processes as it should be. */
export interface ChildPlan {
  name: string
  uid: number
  command: readonly string[]
  confinement: Confinement
  /** The environment beside PATH. */
  environment?: Record<string, string>
  directory: string
  /** With an IPC channel: what is said to it first, at every start. */
  start?(): object
  /** The signal that ends it in good order; default SIGTERM. */
  stopSignal?: NodeJS.Signals
  /** The level of a line that it prints, for a program that does not log JSON. */
  levelOf?(text: string): Level
  /** Ms that it may take to end before it is killed; default 10,000. */
  stopMs?: number
}

export interface ChildParts {
  clock: Clock
  log: Log
  sink: LogSink
  /** A process has been started, for the first time or again. */
  onStart?(child: ChildProcess): void
}

/** Ms before a new start: doubled by each death within a minute of its start. */
const PAUSE = { firstMs: 100, maxMs: 10_000, steadyMs: 60_000 }

/** Keeps one process running until it is stopped. */
export class Child {
  readonly plan: ChildPlan
  readonly #parts: ChildParts
  #process: ChildProcess | null = null
  #exited: Promise<void> = Promise.resolve()
  #timer: Timer | null = null
  #pauseMs = 0
  #restarts = 0
  #startedAt = ''
  #stopping = false

  constructor(plan: ChildPlan, parts: ChildParts) {
    this.plan = plan
    this.#parts = parts
  }

  get status(): ProcessStatus {
    const { name, uid } = this.plan
    return { name, pid: this.#process?.pid ?? null, uid, restarts: this.#restarts, startedAt: this.#startedAt }
  }

  /** The process while it runs: what sockets are handed to. */
  get process(): ChildProcess | null {
    return this.#process
  }

  start(): void {
    if (this.#process || this.#stopping) return
    const { plan } = this
    const { clock, log, sink } = this.#parts
    const { program, args } = confine(plan.confinement, plan.command)
    const child = spawn(program, args, {
      cwd: plan.directory,
      // In a session of its own: Ctrl-C on the terminal is for host, which ends all in order.
      detached: true,
      env: { PATH: SYSTEM_PATH, LANG: 'C.UTF-8', HOME: plan.directory, ...plan.environment },
      stdio: ['ignore', 'pipe', 'pipe', ...(plan.start ? (['ipc'] as const) : [])],
    })
    const startedAt = clock.now()
    this.#process = child
    this.#startedAt = new Date(clock.wall()).toISOString()
    this.#exited = new Promise((resolve) => {
      let over = false
      const gone = (how: string) => {
        if (over) return
        over = true
        this.#process = null
        resolve()
        this.#died(how, clock.now() - startedAt)
      }
      child.once('error', (error) => gone(error.message))
      child.once('exit', (code, signal) => gone(signal ? `signal ${signal}` : `exit code ${code}`))
    })
    if (child.stdout) sink.follow(plan.name, child.stdout, plan.levelOf)
    if (child.stderr) sink.follow(plan.name, child.stderr, plan.levelOf)
    log.info({ child: plan.name, pid: child.pid }, 'a process has been started')
    if (plan.start) child.send(plan.start(), () => {}) // one that dies at once is started again anyway
    this.#parts.onStart?.(child)
  }

  /** Ends the process for good. Resolves when it is gone; it is killed if it takes longer than it may. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#timer?.cancel()
    const child = this.#process
    if (!child) return
    child.kill(this.plan.stopSignal ?? 'SIGTERM')
    const stopMs = this.plan.stopMs ?? 10_000
    const forced = this.#parts.clock.after(stopMs, () => {
      this.#parts.log.warn({ child: this.plan.name, stopMs }, 'a process does not end and is killed')
      child.kill('SIGKILL')
    })
    await this.#exited
    forced.cancel()
  }

  /** Asks a process that is to end once more; false when it is gone. */
  hurry(): boolean {
    return this.#process?.kill(this.plan.stopSignal ?? 'SIGTERM') ?? false
  }

  /** Kills it at once, for good. */
  kill(): void {
    this.#stopping = true
    this.#timer?.cancel()
    this.#process?.kill('SIGKILL')
  }

  #died(how: string, aliveMs: number): void {
    const { clock, log } = this.#parts
    if (this.#stopping) {
      log.info({ child: this.plan.name, how }, 'a process has ended')
      return
    }
    if (aliveMs >= PAUSE.steadyMs) this.#pauseMs = 0
    const pauseMs = this.#pauseMs
    this.#pauseMs = Math.min(PAUSE.maxMs, Math.max(PAUSE.firstMs, pauseMs * 2))
    this.#restarts++
    log.error({ child: this.plan.name, how, pauseMs }, 'a process has died and is started again')
    this.#timer = clock.after(pauseMs, () => this.start())
  }
}
