import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Clock, Id, Log, Timer } from '#lib/index.ts'
import type { CallTrace, JournalRecord } from '#platform/words/index.ts'
import { callOfRecord, entryOf, type Line, linesIn, MessageHeads, ownerOf } from './line.ts'
import type { CallMessage, TraceSink } from './tap.ts'
import { WaitingLines } from './waiting.ts'

export interface TraceStoreOptions {
  directory: string
  clock: Clock
  log: Log
  /** All traces together, on disk; the oldest go first. */
  maxBytes: number
}

/** Segments that the room is divided into: the oldest is dropped whole. */
const SEGMENTS = 16

/** Ms that lines wait for their write. What is read is written first, so a reader never waits for this. */
const WRITE_EVERY_MS = 250

/** Bytes that may wait: above, lines are dropped and counted, as a call is worth more than its trace. */
const WAITING_BYTES = 8 << 20

/** Lines of one call: somebody who floods a dialog does not push the traces of others out. */
const LINES_PER_CALL = 1000

/** Where lines of one call lie: segment, offset and length, three numbers a write. */
interface Place {
  spans: number[]
  lines: number
  dropped: number
}

/**
 * The traces of calls that are up or were lately, in a ring of files that are only appended to. Nothing waits for the
 * disk; with the disk full, traces are lost and calls go on.
 */
export class TraceStore implements TraceSink, AsyncDisposable {
  readonly #options: TraceStoreOptions
  readonly #places = new Map<Id<'call'>, Place>()
  /** Which calls have lines in which segment. */
  readonly #segments = new Map<number, Set<Id<'call'>>>()
  readonly #ready: Promise<void>
  #waiting = new WaitingLines()
  /** Is written, or has been, while the other one takes what comes. */
  #resting = new WaitingLines()
  #dropped = 0
  #timer: Timer | null = null
  #writing: Promise<void> = Promise.resolve()
  #file: { number: number; handle: FileHandle; size: number } | null = null
  #closed = false

  constructor(options: TraceStoreOptions) {
    this.#options = options
    this.#ready = this.#load().catch((error) => options.log.error({ err: error }, 'former traces cannot be read'))
  }

  /** Lines that found no room. */
  get dropped(): number {
    return this.#dropped
  }

  message(message: CallMessage): void {
    const { content, owner, wall } = message
    if (!this.#takes(owner.call)) return
    owner.heads ??= new MessageHeads(owner)
    this.#waiting.addMessage(owner.call, owner.heads.of(message), wall, content)
  }

  record(record: JournalRecord, json: string): void {
    const call = callOfRecord(record)
    if (call && this.#takes(call)) this.#waiting.addRecord(call, json)
  }

  /** All that is known of a call, in order. */
  async read(call: Id<'call'>): Promise<CallTrace> {
    await this.#write()
    const place = this.#places.get(call)
    if (!place) return null
    const lines: Line[] = []
    for (let i = 0; i < place.spans.length; i += 3) {
      const bytes = await this.#bytesAt(place.spans[i]!, place.spans[i + 1]!, place.spans[i + 2]!)
      lines.push(...linesIn(bytes))
    }
    const [first] = lines
    if (!first) return null
    const entries = lines.map(entryOf).sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    return { call, subscriber: ownerOf(lines), entries, dropped: place.dropped }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#write()
    await this.#file?.handle.close()
    this.#file = null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Whether there is room for one more line of this call; then it counts, and will be written. */
  #takes(call: Id<'call'>): boolean {
    if (this.#closed) return false
    const place = this.#places.get(call) ?? this.#place(call)
    if (place.lines >= LINES_PER_CALL || this.#waiting.length >= WAITING_BYTES) {
      place.dropped += 1
      this.#dropped += 1
      return false
    }
    place.lines += 1
    this.#timer ??= this.#options.clock.after(WRITE_EVERY_MS, () => {
      this.#timer = null
      void this.#write()
    })
    return true
  }

  #place(call: Id<'call'>): Place {
    const place = { spans: [], lines: 0, dropped: 0 }
    this.#places.set(call, place)
    return place
  }

  /** One write after the other. */
  #write(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#writeWaiting()).catch((error) => this.#lost(error))
    return this.#writing
  }

  #lost(error: unknown): void {
    this.#options.log.warn({ err: error }, 'traces could not be written and are lost')
  }

  async #writeWaiting(): Promise<void> {
    await this.#ready
    if (this.#waiting.length === 0) return
    const lines = this.#waiting
    this.#waiting = this.#resting
    this.#resting = lines
    try {
      const file = await this.#segment()
      let offset = file.size
      await file.handle.write(lines.bytes, 0, lines.length, offset)
      file.size += lines.length
      for (const { call, length } of lines.runs) {
        this.#remember(call, file.number, offset, length)
        offset += length
      }
    } finally {
      lines.clear()
    }
  }

  #remember(call: Id<'call'>, segment: number, offset: number, length: number): void {
    const place = this.#places.get(call) ?? this.#place(call)
    place.spans.push(segment, offset, length)
    const calls = this.#segments.get(segment)
    if (calls) calls.add(call)
    else this.#segments.set(segment, new Set([call]))
  }

  /** The segment that is written to; a full one is left, and the oldest dropped. */
  async #segment() {
    const { directory, maxBytes } = this.#options
    if (this.#file && this.#file.size < maxBytes / SEGMENTS) return this.#file
    const number = Math.max(0, this.#file?.number ?? 0, ...this.#segments.keys()) + 1
    await this.#file?.handle.close()
    this.#file = null
    await mkdir(directory, { recursive: true, mode: 0o700 })
    this.#file = { number, handle: await open(this.#name(number), 'w+', 0o600), size: 0 }
    this.#segments.set(number, new Set())
    for (const old of [...this.#segments.keys()].sort((a, b) => a - b)) {
      if (this.#segments.size <= SEGMENTS) break
      await this.#drop(old)
    }
    return this.#file
  }

  async #drop(number: number): Promise<void> {
    for (const call of this.#segments.get(number) ?? []) {
      const place = this.#places.get(call)
      if (!place) continue
      place.spans = place.spans.filter((_, i, all) => all[i - (i % 3)] !== number)
      if (place.spans.length === 0) this.#places.delete(call)
    }
    this.#segments.delete(number)
    await rm(this.#name(number), { force: true })
  }

  async #bytesAt(segment: number, offset: number, length: number): Promise<Buffer> {
    const open_ = this.#file?.number === segment ? this.#file.handle : await open(this.#name(segment), 'r').catch(() => null)
    if (!open_) return Buffer.alloc(0)
    try {
      const { buffer, bytesRead } = await open_.read(Buffer.alloc(length), 0, length, offset)
      return buffer.subarray(0, bytesRead)
    } finally {
      if (open_ !== this.#file?.handle) await open_.close()
    }
  }

  /** Finds again what a former process has written. */
  async #load(): Promise<void> {
    const { directory } = this.#options
    const names = await readdir(directory).catch(() => [])
    const numbers = names.flatMap((name) => /^trace-(\d+)\.log$/.exec(name)?.[1] ?? []).map(Number)
    for (const number of numbers.sort((a, b) => a - b)) {
      this.#segments.set(number, new Set())
      const handle = await open(this.#name(number), 'r')
      try {
        const bytes = await handle.readFile()
        for (const { head, offset, length } of linesIn(bytes)) {
          this.#remember(head.call, number, offset, length)
          this.#places.get(head.call)!.lines += 1
        }
      } finally {
        await handle.close()
      }
    }
  }

  #name(number: number): string {
    return path.join(this.#options.directory, `trace-${number}.log`)
  }
}
