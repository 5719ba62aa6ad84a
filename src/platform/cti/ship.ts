import { type Clock, type Log, sleep } from '#lib/index.ts'
import type { JournalEntry, PlatformEvent } from '#platform/words/index.ts'

/** The journal of a node's switch, as its link offers it. Each rejects while the switch is away. */
export interface JournalSource {
  read(params: { after: number; limit: number }): Promise<{ entries: JournalEntry[]; position: number }>
  shipped(params: { position: number }): Promise<unknown>
}

/** Where events rest. `take` has each event once, however often it comes, and keeps the position with them. */
export interface EventSink {
  /** How far the journal has been taken in; 0 before the first time. */
  position(): Promise<number>
  take(events: PlatformEvent[], position: number): Promise<void>
}

/** Takes leases in, each once by its id. It sees every entry, in order. */
export interface LeaseSink {
  take(entries: JournalEntry[]): Promise<void>
}

export interface ShipOptions {
  source: JournalSource
  events: EventSink
  leases: LeaseSink
  clock: Clock
  log: Log
  signal: AbortSignal
  /** These are new in the database. */
  onTaken?: (events: readonly PlatformEvent[]) => void
  /** Entries in one go; default 1,000. */
  batch?: number
}

const PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5000

/**
 * Ships the journal to the database until the signal aborts. What was taken in is forgotten by the switch only after it
 * was committed; when either is away the journal waits, and what comes twice has one effect.
 */
export async function shipJournal(options: ShipOptions): Promise<void> {
  const { clock, log, signal } = options
  let pauseMs = PAUSE_MS
  while (!signal.aborted) {
    try {
      if (await shipOnce(options)) pauseMs = 0
      else pauseMs = PAUSE_MS
    } catch (error) {
      if (signal.aborted) break
      if (pauseMs <= PAUSE_MS) log.warn({ err: error }, 'the journal waits: the switch or the database is away')
      pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(PAUSE_MS, pauseMs) * 2)
    }
    await sleep(clock, pauseMs, signal).catch(() => {})
  }
}

/** Ships one batch; answers whether there was one. */
export async function shipOnce({ source, events, leases, onTaken, batch = 1000 }: ShipOptions): Promise<boolean> {
  const after = await events.position()
  let { entries, position } = await source.read({ after, limit: batch })
  // A journal that ends before where we were is a new one: from its start, since ids make everything once.
  if (position < after) ({ entries, position } = await source.read({ after: 0, limit: batch }))
  if (entries.length === 0) return false
  // Usage first: it is idempotent, and the position is kept with the events.
  await leases.take(entries)
  const found = entries.flatMap(({ record }) => (record.type === 'event' ? [record.event] : []))
  await events.take(found, position)
  await source.shipped({ position })
  if (found.length > 0) onTaken?.(found)
  return true
}
