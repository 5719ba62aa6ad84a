import { stat } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { type Clock, TielineError, type Timer } from '#lib/index.ts'
import { unreadable } from '#protocol/soundfile/index.ts'
import type { SoundCommand, SoundReport } from './sound-command.ts'
import { PROGRESS, type Sounding, STATE, sharedSound } from './sounding.ts'

/** The longest sound that is kept decoded: five minutes, 4.8 MB. Longer ones are decoded while they are played. */
const KEPT_SAMPLES = 300 * 8000

/** Decoded sound that is kept in all, bytes; what was asked for longest ago goes first. */
const KEPT_BYTES = 64 << 20

/** Files whose content is known without another look. */
const KNOWN = 1000

/** Of a sound that is decoded while it is played, samples that are held: 16 s. */
const RING = 1 << 17

/** A decoder that doesn't answer for this long hangs in a file, ms; how often it is asked. */
const HANGS_MS = 10_000
const ASKED_MS = 2000

const THREAD = new URL('./sound-worker.ts', import.meta.url)

export interface SoundsOptions {
  clock: Clock
  /** For tests: another thread, how long it may be silent, and the longest sound that is kept, in samples. */
  thread?: URL
  hangsMs?: number
  keepUpTo?: number
}

/** Sound of a file, which is or is being decoded. To be disposed of when it was played. */
export interface FileSound extends Disposable {
  readonly sounding: Sounding
  /** What the decoder has met, by now. */
  readonly failure: TielineError | null
}

/** A sound that is kept: decoded once, for all who play it. */
interface Kept {
  pcm: Int16Array
  progress: Int32Array
  filled: Promise<void>
  ready: Promise<void>
  failure: TielineError | null
}

/** A file that the decoder has open. */
interface OpenFile {
  opened: PromiseWithResolvers<{ samples: number; content: string | null }>
  ready: PromiseWithResolvers<void>
  filled: PromiseWithResolvers<void>
  progress: Int32Array | null
  failure: TielineError | null
}

function broken(why: string): TielineError {
  return new TielineError(`The sound file could not be decoded: ${why}.`, {
    code: 'sound-failed',
    fault: 'system',
    retry: true,
    http: 503,
  })
}

function settled<T>(): PromiseWithResolvers<T> {
  const all = Promise.withResolvers<T>()
  // Who waits for it hears of it; nobody has to.
  all.promise.catch(() => {})
  return all
}

/**
 * Sound files, decoded on a thread of their own, so that neither calls nor the media loop wait for a file. Short ones are kept by
 * their content and shared by all who play them. A file that hangs its decoder takes the thread with it, not the process.
 */
export class Sounds {
  readonly #clock: Clock
  readonly #hangsMs: number
  readonly #thread: URL
  readonly #keepUpTo: number
  #worker: Worker | null = null
  #numbers = 0
  readonly #files = new Map<number, OpenFile>()
  readonly #kept = new Map<string, Kept>()
  readonly #known = new Map<string, { samples: number; content: string }>()
  #timer: Timer | undefined
  #answeredAt = 0

  constructor({ clock, hangsMs = HANGS_MS, thread = THREAD, keepUpTo = KEPT_SAMPLES }: SoundsOptions) {
    this.#clock = clock
    this.#hangsMs = hangsMs
    this.#thread = thread
    this.#keepUpTo = keepUpTo
  }

  /** A file's sound, `times` times in all, the first time from the sample `from` on. Rejects with `invalid-sound`, `sound-failed`. */
  async open(path: string, times: number, from: number): Promise<FileSound> {
    const found = await this.#find(path)
    if ('kept' in found) {
      await found.kept.ready
      return whole(found.kept, times, from)
    }
    const { file, samples } = found
    return this.#pour(file, times - Math.floor(from / samples), from % samples)
  }

  /** All of a file's sound, of at most `most` samples. */
  async whole(path: string, most: number): Promise<Int16Array> {
    const found = await this.#find(path)
    if ('file' in found && found.samples > most) {
      this.#close(found.file)
      throw unreadable('it is too long for a list')
    }
    const kept = 'kept' in found ? found.kept : this.#fill(found.file, found.samples)
    await kept.filled
    return kept.pcm
  }

  async close(): Promise<void> {
    await this.#end(broken('voice is ending'))
  }

  /** What is kept of it, else the file, opened. */
  async #find(path: string): Promise<{ kept: Kept } | { file: number; samples: number }> {
    const facts = await stat(path, { bigint: true }).catch((error: unknown) => {
      throw unreadable('it can not be read', error)
    })
    const key = [facts.dev, facts.ino, facts.size, facts.mtimeNs, facts.ctimeNs, path].join(' ')
    const known = this.#known.get(key)
    const kept = known && this.#recall(known.content)
    if (kept) return { kept }
    const file = this.#send((number) => ({ type: 'open', file: number, path, keepUpTo: this.#keepUpTo }))
    const { samples, content } = await this.#files.get(file)!.opened.promise
    if (content === null) return { file, samples }
    this.#known.set(key, { samples, content })
    if (this.#known.size > KNOWN) this.#known.delete(this.#known.keys().next().value!)
    const same = this.#recall(content)
    if (same) {
      this.#close(file)
      return { kept: same }
    }
    const fresh = this.#fill(file, samples)
    this.#keep(content, fresh)
    return { kept: fresh }
  }

  #recall(content: string): Kept | undefined {
    const kept = this.#kept.get(content)
    if (!kept || kept.failure) return undefined
    this.#kept.delete(content)
    this.#kept.set(content, kept)
    return kept
  }

  #keep(content: string, fresh: Kept): void {
    this.#kept.set(content, fresh)
    let bytes = 0
    for (const { pcm } of this.#kept.values()) bytes += pcm.byteLength
    for (const [oldest, { pcm }] of this.#kept) {
      if (bytes <= KEPT_BYTES) return
      this.#kept.delete(oldest)
      bytes -= pcm.byteLength
    }
  }

  #fill(file: number, samples: number): Kept {
    const { pcm, progress } = sharedSound(samples)
    const open = this.#files.get(file)!
    open.progress = progress
    this.#worker!.postMessage({ type: 'fill', file, pcm, progress } satisfies SoundCommand)
    const { ready, filled } = open
    return {
      ...{ pcm, progress, ready: ready.promise, filled: filled.promise },
      get failure() {
        return open.failure
      },
    }
  }

  async #pour(file: number, times: number, from: number): Promise<FileSound> {
    if (times <= 0) {
      this.#close(file)
      return { sounding: { pcm: new Int16Array(0), samples: 0 }, failure: null, [Symbol.dispose]: () => {} }
    }
    const { pcm: ring, progress } = sharedSound(RING)
    const open = this.#files.get(file)!
    open.progress = progress
    this.#worker!.postMessage({ type: 'pour', file, ring, progress, from, times } satisfies SoundCommand)
    await open.ready.promise
    return {
      sounding: { ring, progress },
      get failure() {
        return open.failure
      },
      [Symbol.dispose]: () => this.#close(file),
    }
  }

  #close(file: number): void {
    if (!this.#files.delete(file)) return
    this.#worker?.postMessage({ type: 'close', file } satisfies SoundCommand)
  }

  #send(command: (file: number) => SoundCommand): number {
    const file = ++this.#numbers
    if (this.#files.size === 0) this.#answeredAt = this.#clock.now()
    this.#files.set(file, { opened: settled(), ready: settled(), filled: settled(), progress: null, failure: null })
    this.#worker ??= this.#start()
    this.#worker.postMessage(command(file))
    this.#watch()
    return file
  }

  #start(): Worker {
    // Its decoders write into the streams of its process what is the matter with a file: that is told otherwise.
    const worker = new Worker(this.#thread, { stdout: true, stderr: true })
    worker.stdout.resume()
    worker.stderr.resume()
    worker.on('message', (report: SoundReport) => this.#take(report))
    worker.on('error', (error) => {
      if (this.#worker === worker) void this.#end(broken(error instanceof Error ? error.message : 'the decoder has failed'))
    })
    return worker
  }

  #take(report: SoundReport): void {
    this.#answeredAt = this.#clock.now()
    if (report.type === 'pong') return
    const open = this.#files.get(report.file)
    if (!open) return
    if (report.type === 'opened') open.opened.resolve(report)
    if (report.type === 'ready' || report.type === 'filled') open.ready.resolve()
    if (report.type === 'filled') {
      open.filled.resolve()
      this.#files.delete(report.file)
    }
    if (report.type === 'failed') {
      this.#files.delete(report.file)
      fail(open, report.mine ? broken('the decoder met a bug') : reworded(report.why))
    }
  }

  /** Asks the decoder whether it lives, while it has anything to do. */
  #watch(): void {
    this.#timer ??= this.#clock.after(ASKED_MS, () => {
      this.#timer = undefined
      if (this.#files.size === 0 || !this.#worker) return
      if (this.#clock.now() - this.#answeredAt > this.#hangsMs) {
        void this.#end(broken('the decoder hangs'))
        return
      }
      this.#worker.postMessage({ type: 'ping' } satisfies SoundCommand)
      this.#watch()
    })
  }

  /** The thread is gone, with all that it was at; the next file gets another one. */
  async #end(why: TielineError): Promise<void> {
    const worker = this.#worker
    this.#worker = null
    this.#timer?.cancel()
    this.#timer = undefined
    for (const open of this.#files.values()) fail(open, why)
    this.#files.clear()
    await worker?.terminate()
  }
}

function fail(open: OpenFile, why: TielineError): void {
  open.failure = why
  if (open.progress) Atomics.store(open.progress, PROGRESS.state, STATE.failed)
  for (const { reject } of [open.opened, open.ready, open.filled]) reject(why)
}

/** The error as the decoder thread had it. */
function reworded(message: string): TielineError {
  return new TielineError(message, unreadable('').verdict)
}

function whole(kept: Kept, times: number, from: number): FileSound {
  const { pcm, progress } = kept
  const samples = Math.max(0, pcm.length * times - from)
  return {
    sounding: { pcm, samples, start: from % pcm.length, progress },
    get failure() {
      return kept.failure
    },
    [Symbol.dispose]: () => {},
  }
}
