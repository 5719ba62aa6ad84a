import type { Clock, Id, Log, Timer } from '#lib/index.ts'
import type { CallTrace, RecordOctets, SeenMessage } from '#platform/words/index.ts'
import { type CourseRecord, entryOf, type FoundEntry, headOf, headOfRecords, ownerOf } from './entry.ts'
import { CallLines, type Line, type LineOwner, MESSAGE_IN, MESSAGE_OUT, RECORD, WaitingLines } from './line.ts'
import { Ring } from './ring.ts'
import type { DialogPlace, OwnedDialog, TracedCall, TraceSink } from './tap.ts'

export interface TraceStoreOptions {
  directory: string
  clock: Clock
  log: Log
  /** All traces together, on disk; the oldest go first. */
  maxBytes: number
}

/** Ms that lines wait for their write. What is read is written first, so a reader never waits for this. */
const WRITE_EVERY_MS = 250

/** Bytes that may wait: above, lines are dropped and counted, as a call is worth more than its trace. */
const WAITING_BYTES = 8 << 20

/** Lines of one call: somebody who floods a dialog does not push the traces of others out. */
const LINES_PER_CALL = 1000

/** Ms around a call in which lines of it may be: its id may be of another clock, and late repeats are its own. */
const BEFORE_MS = 60_000
const AFTER_MS = 60_000

/** Calls whose lost lines are counted. */
const COUNTED_CALLS = 1000

/**
 * The traces of calls that are up or were lately. A line is added as it is to what the next write takes, and nothing is
 * kept of where: whoever asks for a call looks through what was written in its time. Nothing waits for the disk; with the disk full,
 * traces are lost and calls go on.
 */
export class TraceStore implements TraceSink, AsyncDisposable {
  readonly #options: TraceStoreOptions
  readonly #ring: Ring
  #waiting = new WaitingLines()
  /** Is written, or has been, while the other one takes what comes. */
  #resting = new WaitingLines()
  /** Lines that found no room, by their calls. */
  readonly #lost = new Map<Id<'call'>, number>()
  #dropped = 0
  #timer: Timer | null = null
  #writing: Promise<void> = Promise.resolve()
  #reading: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(options: TraceStoreOptions) {
    this.#options = options
    this.#ring = new Ring(options)
  }

  /** Lines that found no room. */
  get dropped(): number {
    return this.#dropped
  }

  message(seen: SeenMessage, content: Uint8Array, wall: number, dialog: OwnedDialog): void {
    const { call } = dialog
    if (!this.#takes(call.id, call)) return
    const lines = this.#waiting
    const place = placeFor(dialog, seen)
    if (!lines.knows(place)) {
      lines.introduce(place, headOf(dialog.owner, seen))
      // Whatever is of the call can be told by this head, too.
      call.batch = place.batch
      call.number = place.number
    }
    lines.add(seen.direction === 'in' ? MESSAGE_IN : MESSAGE_OUT, wall, place, content)
  }

  record(call: Id<'call'>, traced: TracedCall | undefined, record: CourseRecord, text: RecordOctets): void {
    if (!this.#takes(call, traced)) return
    const lines = this.#waiting
    const owner: LineOwner = traced ?? { batch: null, number: 0 }
    if (!lines.knows(owner)) lines.introduce(owner, headOfRecords(call, ownerOf(record).subscriber))
    lines.copy(RECORD, record.at.wall, owner, text)
  }

  /** All that is known of a call, in order. One after the other, however many ask: each may look through all that is kept. */
  read(call: Id<'call'>): Promise<CallTrace> {
    const trace = this.#reading.then(() => this.#read(call))
    this.#reading = trace.catch(() => {})
    return trace
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#write()
    await this.#ring.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #read(call: Id<'call'>): Promise<CallTrace> {
    await this.#write()
    const found: FoundEntry[] = []
    let until = Number.POSITIVE_INFINITY
    let damaged = 0
    const lines = new CallLines(call, (line) => {
      const one = readable(line)
      if (one === undefined) damaged += 1
      if (!one) return
      found.push(one)
      if (one.entry.kind === 'event' && one.entry.type === 'call.cleared') until = line.wall + AFTER_MS
    })
    await this.#ring.each(beginOf(call) - BEFORE_MS, (bytes) => {
      const { end, wall } = lines.look(bytes)
      return wall > until ? -1 : end
    })
    damaged += lines.damaged
    if (damaged > 0) this.#options.log.warn({ call, damaged }, 'damaged lines of a trace were passed over')
    const [first] = found
    if (!first) return null
    const entries = found.map(({ entry }) => entry).sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    return { call, subscriber: first.subscriber, entries, dropped: this.#lost.get(call) ?? 0 }
  }

  /** Whether there is room for one more line of this call; then it counts, and will be written. */
  #takes(id: Id<'call'>, call: TracedCall | undefined): boolean {
    if (this.#closed) return false
    if ((call && call.lines >= LINES_PER_CALL) || this.#waiting.length >= WAITING_BYTES) {
      this.#drop(id)
      return false
    }
    if (call) call.lines += 1
    this.#timer ??= this.#options.clock.after(WRITE_EVERY_MS, () => {
      this.#timer = null
      void this.#write()
    })
    return true
  }

  #drop(call: Id<'call'>): void {
    this.#dropped += 1
    const lost = this.#lost.get(call)
    if (lost === undefined && this.#lost.size >= COUNTED_CALLS) this.#lost.delete(this.#lost.keys().next().value!)
    this.#lost.set(call, (lost ?? 0) + 1)
  }

  /** One write after the other. */
  #write(): Promise<void> {
    this.#writing = this.#writing
      .then(() => this.#writeWaiting())
      .catch((error) => this.#options.log.warn({ err: error }, 'traces could not be written and are lost'))
    return this.#writing
  }

  async #writeWaiting(): Promise<void> {
    if (this.#waiting.length === 0) return
    const lines = this.#waiting
    this.#waiting = this.#resting
    this.#resting = lines
    try {
      await this.#ring.append(lines.bytes, lines.latest)
    } finally {
      lines.clear()
    }
  }
}

/** Undefined for a line that is damaged. */
function readable(line: Line): FoundEntry | null | undefined {
  try {
    return entryOf(line)
  } catch {
    return undefined
  }
}

/** Made once for all messages of a dialog, unless the far end moves, or is sent to elsewhere than it sends from. */
function placeFor(dialog: OwnedDialog, { direction, peer, transport }: SeenMessage): DialogPlace {
  const place = dialog[direction]
  if (place && isAt(place, transport, peer)) return place
  const other = direction === 'in' ? dialog.out : dialog.in
  const { address, port } = peer
  const made = other && isAt(other, transport, peer) ? other : { batch: null, number: 0, transport, address, port }
  dialog[direction] = made
  return made
}

function isAt(place: DialogPlace, transport: string, { address, port }: SeenMessage['peer']): boolean {
  return place.port === port && place.address === address && place.transport === transport
}

/** Wall-clock ms at which an id was made: it is a UUIDv7 (RFC 9562 §5.7). */
function beginOf(call: Id<'call'>): number {
  return Number.parseInt(call.slice('call_'.length, 'call_'.length + 12), 16)
}
