import type { Clock, Id, Log } from '#lib/index.ts'
import type { Binding, Instant, JournalEntry, JournalRecord, Lease, RecordOctets } from '#platform/words/index.ts'

export interface JournalOptions {
  /** Made when it is not there. One process at a time. */
  directory: string
  clock: Clock
  /** Which run of the process this is. */
  boot: string
  node: string
  log: Log
  /** Bytes after which a new segment is begun; default 16 MiB. */
  segmentBytes?: number
  /** Bytes kept aside, to be given up when the disk is full; default 8 MiB. */
  reserveBytes?: number
  /** Records wait in memory while the disk is full, up to this many bytes; default 64 MiB. Then all but leases are lost. */
  backlogBytes?: number
  /** Ms between the beats that prove that the process lives; default 5000. */
  beatMs?: number
  /** Shown each record as it is appended, and its text as it will stand in the file ({@link wholeText}). */
  onAppend?: (record: JournalRecord, text: RecordOctets) => void
  /** Ms between `fdatasync`s, which run beside the event loop; default 50. */
  syncMs?: number
}

/** What former processes have left: where the switch goes on from. */
export interface Replay {
  /** Taken and not released, as they stood. */
  leases: Lease[]
  /** The last state of each call that was not over. */
  calls: { call: Id<'call'>; state: unknown }[]
  /** Where each telephone was. */
  registrations: { subscriber: Id<'sub'>; user: string; bindings: Binding[] }[]
  /** What counts towards the limits of each subscriber's calls out. */
  tolls: { subscriber: Id<'sub'>; state: unknown }[]
  /** The last event number of each subscriber. */
  eventNumbers: Map<Id<'sub'>, number>
  /**
   * The last moment at which the process was proven to live that last wrote of this lease's call: where the lease is
   * closed, for review, when the call cannot be carried on. Who carries a call on appends its state, which moves this; who
   * carries on what an agent holds says that.
   */
  lastProven(lease: Lease): Instant
  /** Bytes of a torn last write that were cut off, and damaged records further up that were passed over. */
  cutBytes: number
  damaged: number
}

export interface JournalStatus {
  position: number
  /** All up to here has reached the disk. */
  synced: number
  shipped: number
  segments: number
  /** Bytes that wait in memory because the disk takes no more. */
  backlogBytes: number
  failedWrites: number
  /** Records that found no room in the backlog either. */
  lost: number
  reserve: 'held' | 'released'
}

/** The one append-only file of a switch. */
export interface Journal extends AsyncDisposable {
  readonly boot: string
  /** What was found when it was opened. The same object each time; the switch takes from it what it carries on. */
  replay(): Replay
  /**
   * Adds a record to this turn's write and gives its position. An event gets its `number` here: `record.event.number` is
   * set, and so does a call's change. What is in the record may change afterwards; the journal has its own copy. Never throws.
   */
  append(record: JournalRecord): number
  /** One synchronous write of what has been appended: to be called before the turn's SIP messages leave. Never throws. */
  flush(): void
  /** Resolves when all that has been appended is on the disk. */
  sync(): Promise<void>
  /**
   * Entries after `position` that are safely on the disk, and where to go on: at most `limit`, and no more than fit a line of a link.
   * The states of calls, more than half of all bytes, are left out: they are the switch's own.
   * None at all means that there are no more.
   */
  read(after: number, limit: number): { entries: JournalEntry[]; position: number }
  /** The same as JSON, put together of what stands in the file: to be handed on by whoever needs none of it. */
  readText(after: number, limit: number): string
  /** All up to `position` is in PostgreSQL. */
  shipped(position: number): void
  status(): JournalStatus
  /** Writes and syncs what is left, and closes. Idempotent. */
  close(): Promise<void>
}
