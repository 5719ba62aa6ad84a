import type { Clock, Id } from '#lib/index.ts'
import type { JournalRecord, Realm, RecordOctets, SeenMessage } from '#platform/words/index.ts'
import { type CourseRecord, isOfCourse, ownerOf } from './entry.ts'
import type { LineOwner } from './line.ts'
import { kept } from './redact.ts'

/** Which call and leg a dialog belongs to. */
export interface DialogOwner {
  realm: Realm
  callId: string
  /** Of the leg: `in` when the far end began the dialog. */
  direction: 'in' | 'out'
  /** The tag in From of the request that began it; unknown for a dialog of a former process. */
  callerTag?: string | undefined
  call: Id<'call'>
  leg: Id<'leg'>
  subscriber: Id<'sub'>
}

/** A call of which something is kept; to the store, the owner of lines that are of no dialog. */
export interface TracedCall extends LineOwner {
  readonly id: Id<'call'>
  /** Lines that are kept of it, counted by whoever keeps them. */
  lines: number
}

/** A dialog of a call. */
export interface OwnedDialog {
  readonly owner: DialogOwner
  readonly call: TracedCall
  /** The store's own: whence the last message came, and where the last one went to. Most are one. */
  in: DialogPlace | null
  out: DialogPlace | null
}

/** Lines of a dialog whose messages come from, or go to, one place. */
export interface DialogPlace extends LineOwner {
  transport: string
  address: string
  port: number
}

/** What takes the messages of calls: the store, an exporter. */
export interface TraceSink {
  /** A message as it may be kept: its own octets are not to be looked at, but those of `content`. */
  message(seen: SeenMessage, content: Uint8Array, wall: number, dialog: OwnedDialog): void
  /** What the journal was told, and its text there. The call is unknown before its first dialog, and long after its end. */
  record?(call: Id<'call'>, traced: TracedCall | undefined, record: CourseRecord, text: RecordOctets): void
}

/** A message is seen before anybody knows which call it begins; so many wait to be known. */
const UNKNOWN = 64

/** Ms for which a dialog is remembered after its call, and twice as long at most: repeats and answers to BYE come in this time. */
const LINGER_MS = 32_000

interface Unknown {
  readonly seen: SeenMessage
  readonly wall: number
  /** A leg that has the same Call-ID, and has neither sent nor received this. */
  other: KnownDialog | null
}

/** Dialogs of one call that are asked whether a message is theirs before it is looked for among all. */
const NEAR = 4

class KnownDialog implements OwnedDialog {
  readonly owner: DialogOwner
  readonly call: Traced
  /** By which it is found, and the other one with the same Call-ID, if it has one. */
  readonly key: string
  twin: KnownDialog | null
  callerTag: string | undefined
  /** The one of its call before it. */
  before: KnownDialog | null
  in: DialogPlace | null = null
  out: DialogPlace | null = null

  constructor(owner: DialogOwner, call: Traced, key: string, twin: KnownDialog | null) {
    this.owner = owner
    this.call = call
    this.key = key
    this.twin = twin
    this.before = call.last
    call.last = this
    if (twin) twin.twin = this
  }

  /** Sets the tag of whoever began both. */
  know(callerTag: string | undefined): void {
    this.callerTag = callerTag
    if (this.twin) this.twin.callerTag = callerTag
  }
}

class Traced implements TracedCall {
  readonly id: Id<'call'>
  readonly subscriber: Id<'sub'>
  lines = 0
  batch: object | null = null
  number = 0
  /** The last of its dialogs; each knows the one before. */
  last: KnownDialog | null = null

  constructor(id: Id<'call'>, subscriber: Id<'sub'>) {
    this.id = id
    this.subscriber = subscriber
  }
}

/**
 * What is known of one time, thrown away together when it is old enough: taken out one by one, what is over would cost more than
 * it does lying there.
 */
class Age {
  /** Of two with the same Call-ID the later one. */
  readonly dialogs = new Map<string, KnownDialog>()
  /** That ended in it. */
  readonly over = new Map<Id<'call'>, Traced>()
}

/**
 * Knows which call each SIP message belongs to. The same Call-ID may be on two legs of two subscribers, where a carrier
 * sends our own INVITE back: the caller's tag and the direction tell them apart.
 */
export class Tap {
  readonly #clock: Clock
  readonly #sinks: readonly TraceSink[]
  readonly #up = new Map<Id<'call'>, Traced>()
  /** What came since `#since`, or was up then; and what was known before. */
  #young = new Age()
  #old = new Age()
  /** Monotonic ms. */
  #since = 0
  /** What was seen or told last is mostly of the call of what comes next, which need not be looked for then. */
  #latest: Traced = NO_CALL
  readonly #unknown: Unknown[] = []

  constructor(options: { clock: Clock; sinks: readonly TraceSink[] }) {
    this.#clock = options.clock
    this.#sinks = options.sinks
  }

  /** Call-IDs that are known. */
  get size(): number {
    let size = this.#young.dialogs.size
    for (const key of this.#old.dialogs.keys()) if (!this.#young.dialogs.has(key)) size++
    return size
  }

  /** Whether it is a call of this subscriber, up or over for less than a while. */
  isCallOf(call: Id<'call'>, subscriber: Id<'sub'>): boolean {
    const known = this.#upOf(call) ?? this.#young.over.get(call) ?? this.#old.over.get(call)
    return known?.subscriber === subscriber
  }

  see(seen: SeenMessage): void {
    if (this.#sinks.length === 0) return
    const wall = this.#clock.wall()
    const known = this.#near(seen) ?? this.#find(seen)
    const dialog = known && sender(known, seen)
    if (dialog) {
      this.#latest = dialog.call
      this.#pass(seen, wall, dialog)
    } else {
      if (this.#unknown.length >= UNKNOWN) this.#unknown.shift()
      this.#unknown.push({ seen, wall, other: known })
    }
  }

  /** A leg has this dialog, or will: what was seen of it before is the leg's too. */
  own(owner: DialogOwner): void {
    if (this.#sinks.length === 0) return
    this.#age()
    const first = this.#unknown.find(({ seen }) => isOf(seen, owner))
    const key = keyOf(owner)
    // Whatever was seen has been looked for.
    const known = first ? first.other : this.#at(key)
    const former = known && legOf(known, owner.direction)
    if (former && former.owner.leg === owner.leg && former.owner.call === owner.call) return
    // A leg that has gone over to another call is that one's.
    if (former) leave(former)
    const call = this.#upOf(owner.call) ?? this.#begin(owner)
    const dialog = new KnownDialog(owner, call, key, known && legOf(known, opposite(owner.direction)))
    dialog.know(owner.callerTag ?? known?.callerTag ?? this.#tagOfFirst(owner))
    this.#young.dialogs.set(key, dialog)
    if (first) this.#passUnknown(dialog)
  }

  /** What the journal is told of a call, and its text there. */
  record(record: JournalRecord, text: RecordOctets): void {
    if (this.#sinks.length === 0 || !isOfCourse(record)) return
    const { call: id } = ownerOf(record)
    if (!id) return
    const call = this.#upOf(id)
    if (call) this.#latest = call
    for (const sink of this.#sinks) sink.record?.(id, call, record, text)
  }

  /** The call is over; its dialogs are remembered for a while. */
  over(id: Id<'call'>): void {
    this.#age()
    const call = this.#up.get(id)
    if (!call) return
    this.#up.delete(id)
    this.#young.over.set(id, call)
    // Made again for what comes late, which is little.
    for (let { last: dialog } = call; dialog; dialog = dialog.before) {
      dialog.in = null
      dialog.out = null
    }
  }

  /** What leaves is mostly of the call of what came last, and has its Call-ID from where that has it. */
  #near({ direction, realm, callId }: SeenMessage): KnownDialog | null {
    if (direction === 'in') return null
    let { last: dialog } = this.#latest
    for (let i = 0; dialog && i < NEAR; i++, dialog = dialog.before)
      if (dialog.owner.callId === callId && dialog.owner.realm === realm) return dialog
    return null
  }

  #find(seen: SeenMessage): KnownDialog | null {
    // A request that begins something is answered before anybody owns it.
    const last = this.#unknown.at(-1)
    return last && isOf(seen, last.seen) ? last.other : this.#at(keyOf(seen))
  }

  #at(key: string): KnownDialog | null {
    return this.#young.dialogs.get(key) ?? this.#old.dialogs.get(key) ?? null
  }

  #upOf(id: Id<'call'>): Traced | undefined {
    return id === this.#latest.id ? this.#latest : this.#up.get(id)
  }

  #begin({ call: id, subscriber }: DialogOwner): Traced {
    const call = new Traced(id, subscriber)
    this.#up.set(id, call)
    return call
  }

  #passUnknown(dialog: KnownDialog): void {
    for (let i = 0; i < this.#unknown.length; ) {
      const unknown = this.#unknown[i]!
      const { seen, wall } = unknown
      if (!isOf(seen, dialog.owner)) i++
      else if (sender(dialog, seen) === dialog) {
        this.#unknown.splice(i, 1)
        this.#pass(seen, wall, dialog)
      } else {
        unknown.other = dialog
        i++
      }
    }
  }

  #pass(seen: SeenMessage, wall: number, dialog: OwnedDialog): void {
    const content = kept(seen)
    for (const sink of this.#sinks) sink.message(seen, content, wall, dialog)
  }

  /** A request of ours that has just left: its own tag is the caller's. */
  #tagOfFirst(owner: DialogOwner): string | undefined {
    for (const { seen } of this.#unknown) {
      if (typeof seen.is === 'string' && seen.direction === 'out' && isOf(seen, owner)) return seen.fromTag
    }
    return undefined
  }

  /** What is up is known on; what is over, for as long again, so that it is forgotten within two such times. */
  #age(): void {
    const now = this.#clock.now()
    const age = now - this.#since
    if (age < LINGER_MS) return
    this.#since = now
    this.#old = age < 2 * LINGER_MS ? this.#young : new Age()
    this.#young = new Age()
    for (const call of this.#up.values())
      for (let { last: dialog } = call; dialog; dialog = dialog.before) this.#young.dialogs.set(dialog.key, dialog)
    this.#latest = NO_CALL
  }
}

const NO_CALL = new Traced('call_', 'sub_')

/** A Call-ID has no blank. */
function keyOf({ realm, callId }: { realm: Realm; callId: string }): string {
  return realm === 'node' ? callId : `${realm} ${callId}`
}

function opposite(direction: DialogOwner['direction']): DialogOwner['direction'] {
  return direction === 'in' ? 'out' : 'in'
}

function leave(dialog: KnownDialog): void {
  const { call } = dialog
  if (call.last === dialog) call.last = dialog.before
  else for (let { last: later } = call; later; later = later.before) if (later.before === dialog) later.before = dialog.before
}

/** The leg of that direction, of this one and its twin. */
function legOf(dialog: KnownDialog, direction: DialogOwner['direction']): KnownDialog | null {
  return dialog.owner.direction === direction ? dialog : dialog.twin
}

function isOf(seen: SeenMessage, { realm, callId }: { realm: Realm; callId: string }): boolean {
  return seen.callId === callId && seen.realm === realm
}

/** Of the two legs that a Call-ID may have here, the one that sent or received this message. */
function sender(dialog: KnownDialog, { is, direction, fromTag }: SeenMessage): KnownDialog | null {
  const { callerTag } = dialog
  // Of a former process: only where there is no doubt.
  if (callerTag === undefined) return dialog.twin ? null : dialog
  // A request that leaves, and its answer that comes back, has our own tag in From.
  const ours = (typeof is === 'string') === (direction === 'out')
  return legOf(dialog, ours === (fromTag === callerTag) ? 'out' : 'in')
}
