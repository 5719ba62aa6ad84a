import { MessageChannel, Worker } from 'node:worker_threads'
import type { Log } from '#lib/index.ts'
import { EVENTFD_FLAGS, type Libc, reserve } from '#protocol/posix/index.ts'
import type { MediaCommand, MediaReport } from './command.ts'

export interface EngineOptions {
  libc: Libc
  log: Log
  /** Whether it reports RTCP, too. */
  controls: boolean
  /** The media thread is dead: nothing works any more, the process has to end. */
  onDeath(error: Error): void
}

type Listener = (report: MediaReport) => void

/** The media thread as the main thread sees it: commands go in order, reports come back by slot. */
export class Engine {
  readonly #libc: Libc
  readonly #worker: Worker
  readonly #port
  readonly #wake: number
  /** What is written to the eventfd: the number 1. */
  readonly #one = reserve(8)
  readonly #listeners = new Map<number, Listener>()
  readonly #free: number[] = []
  /** Commands of this turn of the event loop, which go together. */
  #unsent: MediaCommand[] = []
  #slots = 0
  #over = false
  #stopped: Promise<void> | undefined
  readonly #ended: Promise<void>

  constructor({ libc, log, controls, onDeath }: EngineOptions) {
    this.#libc = libc
    this.#wake = libc.eventfd(0, EVENTFD_FLAGS)
    if (this.#wake < 0) throw new Error(`eventfd failed: errno ${libc.errno()}`)
    this.#one.bytes[0] = 1
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: { port: port2, wake: this.#wake, controls },
      transferList: [port2],
    })
    port1.on('message', (reports: MediaReport[]) => {
      for (const report of reports) {
        if (report.type === 'fault') log.error({ fault: report.message, stack: report.stack }, 'the media loop met a bug')
        else this.#listeners.get(report.slot)?.(report)
      }
    })
    this.#worker.on('error', (error) => onDeath(error instanceof Error ? error : new Error(String(error))))
    this.#ended = new Promise((resolve) => this.#worker.once('exit', () => resolve()))
    void this.#ended.then(() => {
      if (!this.#stopped) onDeath(new Error('the media thread has ended'))
    })
  }

  /** Reserves a slot. Its reports go to `listener` until {@link release}. */
  reserve(listener: Listener): number {
    const slot = this.#free.pop() ?? this.#slots++
    this.#listeners.set(slot, listener)
    return slot
  }

  /** Gives a slot back, once the loop has reported it closed. */
  release(slot: number): void {
    this.#listeners.delete(slot)
    this.#free.push(slot)
  }

  /**
   * A message and a wake-up cost more than what they tell: those that are sent together share them. They leave before any
   * answer does: whoever hears that two legs are joined may count on it.
   */
  send(command: MediaCommand): void {
    if (this.#unsent.push(command) === 1) queueMicrotask(() => this.#flush())
  }

  /** Stops the thread; whatever is open is closed and reported first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  #flush(): void {
    if (this.#unsent.length === 0 || this.#over) return
    this.#port.postMessage(this.#unsent)
    this.#unsent = []
    this.#libc.write(this.#wake, this.#one.address, 8)
  }

  async #stop(): Promise<void> {
    this.send({ type: 'stop' })
    this.#flush()
    await this.#ended
    this.#over = true
    this.#port.close()
    this.#libc.close(this.#wake)
  }
}
