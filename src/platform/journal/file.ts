import { unlinkSync } from 'node:fs'
import type { Id, Timer } from '#lib/index.ts'
import { instantOf, isStateOfCall, type JournalEntry, type JournalRecord, wholeText } from '#platform/words/index.ts'
import { Disk } from './disk.ts'
import type { Journal, JournalOptions, JournalStatus, Replay } from './journal.ts'
import { LineBuffer } from './line.ts'
import type { LiveState } from './live.ts'
import { type Head, openToAppend, type Segment, segmentPath, walk } from './segment.ts'
import { isShort, jsonOf, writeRecord } from './short.ts'
import { CommonWriting } from './told.ts'

/** What opening found and made ready. */
export interface Opened {
  segments: Segment[]
  fd: number
  live: LiveState
  replay: Replay
  position: number
}

const CARRY_AT_ONCE = 200

/** Characters of records that one reading has at the most: they go over a link, whose lines are of a mebibyte. */
const READ_AT_ONCE = 1 << 18

/** The journal as files. See README.md for what always holds. */
export class FileJournal implements Journal {
  readonly boot: string
  readonly #options: Required<JournalOptions>
  readonly #replay: Replay
  readonly #live: LiveState
  readonly #segments: Segment[]
  /** The last of them: the one that is written. */
  #active: Segment
  readonly #disk: Disk
  readonly #buffer = new LineBuffer()
  readonly #common = new CommonWriting()
  #position: number
  #written: number
  #synced: number
  #shipped = 0
  /** Counts lines, the file's own ones too: how far writing and syncing have come. */
  #lines = 0
  #writtenLines = 0
  #syncedLines = 0
  #failedWrites = 0
  #lost = 0
  /** Calls whose state, or end, found no room: it is written as a whole once there is some. */
  readonly #owed = new Set<Id<'call'>>()
  #full = false
  /** How far the last reading came; between `from` and there is nothing that is read out. */
  #cursor = { from: -1, position: -1, segment: -1, offset: 0 }
  #syncing: Promise<void> | null = null
  #syncTimer: Timer | null = null
  #beatTimer: Timer | null = null
  #closed = false

  constructor(options: Required<JournalOptions>, opened: Opened) {
    this.#options = options
    this.boot = options.boot
    this.#replay = opened.replay
    this.#live = opened.live
    this.#segments = opened.segments
    this.#active = opened.segments.at(-1)!
    this.#position = opened.position
    this.#written = opened.position
    this.#synced = opened.position
    this.#disk = new Disk(options.directory, opened.fd, options.reserveBytes)
    if (this.#active.bytes === 0) this.#head()
    this.append({ type: 'boot', at: this.#now(), node: options.node })
    this.flush()
    this.#beat()
  }

  replay(): Replay {
    return this.#replay
  }

  append(record: JournalRecord): number {
    if (record.type === 'event') record.event.number = this.#live.nextNumber(record.event.subscriber)
    else if (record.type === 'call' || record.type === 'call.changed') record.number = this.#live.nextNumberOf(record.call)
    const { length } = this.#buffer
    const short = isShort(record)
    const json = jsonOf(record, short)
    const position = ++this.#position
    const from = this.#line(position, record, short, json)
    this.#live.evolve(record, json, this.#active.first, this.#lines)
    const { bytes, length: to } = this.#buffer.octets
    this.#options.onAppend(record, { bytes, from, to })
    if (length > this.#options.backlogBytes && !record.type.startsWith('lease.')) this.#lose(record, length)
    return position
  }

  flush(): void {
    if (this.#buffer.length === 0 || this.#closed) return
    const { written, error } = this.#disk.write(this.#buffer.bytes(), this.#buffer.length)
    this.#active.bytes += written
    const lines = error ? this.#buffer.lines(written) : this.#lines - this.#writtenLines
    this.#writtenLines += lines
    this.#buffer.drop(written)
    if (error) {
      this.#refused(error)
      return
    }
    this.#written = this.#position
    if (this.#full) {
      this.#full = false
      this.#options.log.info({ position: this.#position }, 'the journal can be written again')
    }
    this.#syncSoon()
    if (this.#active.bytes >= this.#options.segmentBytes) this.#rotate()
    if (this.#owed.size > 0) this.#writeOwed()
  }

  async sync(): Promise<void> {
    this.flush()
    while (this.#syncing) await this.#syncing
    await this.#sync()
  }

  read(after: number, limit: number): { entries: JournalEntry[]; position: number } {
    const entries: JournalEntry[] = []
    const position = this.#read(after, limit, (position, json) => entries.push({ position, record: JSON.parse(json) }))
    return { entries, position }
  }

  readText(after: number, limit: number): string {
    const entries: string[] = []
    const position = this.#read(after, limit, (position, json) => entries.push(`{"position":${position},"record":${json}}`))
    return `{"entries":[${entries.join()}],"position":${position}}`
  }

  /** Gives `take` what there is, and answers where to go on; see {@link Journal.read}. */
  #read(after: number, limit: number, take: (position: number, json: string) => void): number {
    // Whoever has read further than there is has read another journal: it is told where this one ends.
    if (after > this.#position) return this.#position
    const known = this.#cursor.from <= after && after <= this.#cursor.position
    const from = known ? this.#cursor.from : after
    let taken = 0
    let at = known ? this.#cursor.position : after
    let length = 0
    let stopped = false
    let i = known
      ? this.#segments.findIndex((s) => s.first === this.#cursor.segment)
      : Math.max(
          0,
          this.#segments.findLastIndex((s) => s.first <= after + 1),
        )
    let offset = known && i >= 0 ? this.#cursor.offset : 0
    for (i = Math.max(0, i); i < this.#segments.length; i++, offset = 0) {
      const segment = this.#segments[i]!
      const end = walk(segment, offset, (position, { text, common }) => {
        stopped = taken >= limit || position > this.#synced
        if (stopped) return false
        if (position <= at) return true
        if (!isStateOfCall(text)) {
          const json = wholeText(text, common)
          stopped = length > 0 && length + json.length > READ_AT_ONCE
          if (stopped) return false
          length += json.length
          taken++
          take(position, json)
        }
        at = position
        return true
      })
      this.#cursor = { from: taken === 0 ? from : at, position: at, segment: segment.first, offset: end }
      if (stopped) break
    }
    return at
  }

  shipped(position: number): void {
    this.#shipped = Math.max(this.#shipped, Math.min(position, this.#synced))
    this.#reclaim()
  }

  status(): JournalStatus {
    return {
      position: this.#position,
      synced: this.#synced,
      shipped: this.#shipped,
      segments: this.#segments.length,
      backlogBytes: this.#buffer.length,
      failedWrites: this.#failedWrites,
      lost: this.#lost,
      reserve: this.#disk.reserve,
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#beatTimer?.cancel()
    await this.sync()
    this.#syncTimer?.cancel()
    this.#closed = true
    if (this.#buffer.length > 0)
      this.#options.log.error({ bytes: this.#buffer.length }, 'the end of the journal could not be written')
    this.#disk.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #now() {
    return instantOf(this.#options.clock, this.boot)
  }

  /** Says where its text begins. */
  #line(position: number, record: JournalRecord, short: boolean, json: string): number {
    const { octets } = this.#buffer
    if (this.#buffer.begin(position)) {
      this.#lines++
      this.#common.forget()
    }
    if (short) this.#common.before(record, octets)
    const from = octets.length
    writeRecord(record, short, json, octets)
    return from
  }

  #lose(record: JournalRecord, length: number): void {
    if (this.#buffer.takeBack(length)) this.#lines--
    this.#lost++
    if (record.type === 'call' || record.type === 'call.changed') this.#owed.add(record.call)
  }

  #writeOwed(): void {
    const owed = [...this.#owed]
    this.#owed.clear()
    const calls = this.#live.calls(owed)
    const up = new Set(calls.map(({ record }) => record.call))
    for (const call of owed) if (!up.has(call)) this.append({ type: 'call', at: this.#now(), call, state: null })
    this.#carry(calls)
  }

  #head(): void {
    const head: Head = { type: 'segment', first: this.#active.first, carried: this.#live.carried() }
    if (this.#buffer.begin(0)) this.#lines++
    // Nothing that this line says is said for a record that comes into it.
    this.#common.forget()
    this.#buffer.octets.text(JSON.stringify(head))
  }

  #beat(): void {
    this.#beatTimer = this.#options.clock.after(this.#options.beatMs, () => {
      this.append({ type: 'beat', at: this.#now() })
      this.flush()
      if (!this.#full)
        this.#disk.refill().catch((error) => this.#options.log.warn({ error }, 'the reserve of the journal cannot be renewed'))
      this.#beat()
    })
  }

  #refused(error: Error): void {
    this.#failedWrites++
    if (this.#full) return
    this.#full = true
    this.#options.log.error({ error, backlogBytes: this.#buffer.length }, 'the journal cannot be written; records wait in memory')
  }

  async #sync(): Promise<void> {
    if (this.#syncing) return this.#syncing
    const written = this.#written
    const lines = this.#writtenLines
    if (written === this.#synced && lines === this.#syncedLines) return
    this.#syncing = this.#disk.sync().then(
      () => {
        this.#synced = written
        this.#syncedLines = lines
      },
      (error) => this.#refused(error),
    )
    await this.#syncing
    this.#syncing = null
    if (!this.#closed) this.#reclaim()
  }

  /** Begins the next segment. When that cannot be had, the old one goes on growing. */
  #rotate(): void {
    const first = this.#position + 1
    if (first === this.#active.first) return
    const path = segmentPath(this.#options.directory, first)
    try {
      this.#disk.turn(openToAppend(path, 0))
    } catch (error) {
      this.#refused(error as Error)
      return
    }
    this.#active = { first, path, bytes: 0 }
    this.#segments.push(this.#active)
    this.#head()
    this.flush()
  }

  /**
   * Removes the oldest segments whose records have been shipped, once what lives in them has been written again further
   * on, and what ended it has reached the disk. Writing again waits until the files are several times what is live, so
   * that it stays a small part of all writing, or until room is short: then it is what makes some.
   */
  #reclaim(): void {
    while (this.#segments.length > 1 && this.#segments[1]!.first - 1 <= this.#shipped) {
      const oldest = this.#segments[0]!
      const live = this.#live.in(oldest.first, CARRY_AT_ONCE)
      if (live.length > 0) {
        const bytes = this.#segments.reduce((sum, s) => sum + s.bytes, 0)
        const short = this.#disk.reserve === 'released'
        if (short || bytes >= 4 * (this.#options.segmentBytes + this.#live.bytes)) this.#carry(live)
        return
      }
      if (this.#syncedLines < this.#live.leftAt(oldest.first)) {
        this.#syncSoon()
        return
      }
      unlinkSync(oldest.path)
      this.#live.drop(oldest.first)
      this.#segments.shift()
      this.flush()
    }
  }

  #carry(live: { record: JournalRecord; json: string }[]): void {
    for (const { record, json } of live) {
      this.#line(0, record, isShort(record), json)
      this.#live.evolve(record, json, this.#active.first, this.#lines)
    }
    this.flush()
    this.#syncSoon()
  }

  #syncSoon(): void {
    this.#syncTimer ??= this.#options.clock.after(this.#options.syncMs, () => {
      this.#syncTimer = null
      void this.#sync()
    })
  }
}
