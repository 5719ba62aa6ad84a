import type { Clock, Id } from '#lib/index.ts'
import type { JournalRecord, Realm, SeenMessage } from '#platform/words/index.ts'
import { callOfRecord } from './entry.ts'
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
  record?(call: Id<'call'>, traced: TracedCall | undefined, wall: number, json: string): void
}

/** A message is seen before anybody knows which call it begins; so many wait to be known. */
const UNKNOWN = 64

/** Ms for which a dialog is remembered after its call: repeats and answers to BYE come in this time. */
const LINGER_MS = 32_000

/** The legs of one Call-ID in one realm. */
interface Legs {
  callerTag: string | undefined
  in: OwnedDialog | null
  out: OwnedDialog | null
}

interface KnownDialog extends OwnedDialog {
  readonly before: KnownDialog | null
}

class Traced implements TracedCall {
  readonly id: Id<'call'>
  lines = 0
  batch: object | null = null
  number = 0
  /** The last of its dialogs; each knows the one before. */
  dialogs: KnownDialog | null = null
  ended = false
  /** Monotonic ms. */
  endedAt = 0
  /** The one that ended after it. */
  next: Traced | null = null

  constructor(id: Id<'call'>) {
    this.id = id
  }
}

/**
 * Knows which call each SIP message belongs to. The same Call-ID may be on two legs of two subscribers, where a carrier
 * sends our own INVITE back: the caller's tag and the direction tell them apart.
 */
export class Tap {
  readonly #clock: Clock
  readonly #sinks: readonly TraceSink[]
  /** By realm and Call-ID. */
  readonly #legs = new Map<Realm, Map<string, Legs>>()
  readonly #calls = new Map<Id<'call'>, Traced>()
  /** Ended calls in the order of their ends. */
  #firstEnded: Traced | null = null
  #lastEnded: Traced | null = null
  readonly #unknown: { seen: SeenMessage; wall: number }[] = []

  constructor(options: { clock: Clock; sinks: readonly TraceSink[] }) {
    this.#clock = options.clock
    this.#sinks = options.sinks
  }

  /** Dialogs that are known. */
  get size(): number {
    let size = 0
    for (const legs of this.#legs.values()) size += legs.size
    return size
  }

  /** Whether it is a call of this subscriber, up or over for less than a while. */
  isCallOf(call: Id<'call'>, subscriber: Id<'sub'>): boolean {
    return this.#calls.get(call)?.dialogs?.owner.subscriber === subscriber
  }

  see(seen: SeenMessage): void {
    if (this.#sinks.length === 0) return
    const legs = this.#legs.get(seen.realm)?.get(seen.callId)
    const dialog = legs && dialogOf(legs, seen)
    const wall = this.#clock.wall()
    if (dialog) this.#pass(seen, wall, dialog)
    else {
      if (this.#unknown.length >= UNKNOWN) this.#unknown.shift()
      this.#unknown.push({ seen, wall })
    }
  }

  /** A leg has this dialog, or will: what was seen of it before is the leg's too. */
  own(owner: DialogOwner): void {
    if (this.#sinks.length === 0) return
    this.#forgetEnded()
    const legs = this.#legsOf(owner)
    const known = legs[owner.direction]?.owner
    if (known && known.leg === owner.leg && known.call === owner.call) return
    const call = this.#callOf(owner.call)
    const dialog: KnownDialog = { owner, call, in: null, out: null, before: call.dialogs }
    call.dialogs = dialog
    legs[owner.direction] = dialog
    legs.callerTag ??= owner.callerTag ?? this.#tagOfFirst(owner)
    for (let i = 0; i < this.#unknown.length; ) {
      const { seen, wall } = this.#unknown[i]!
      if (isOf(seen, owner) && dialogOf(legs, seen) === dialog) {
        this.#unknown.splice(i, 1)
        this.#pass(seen, wall, dialog)
      } else i++
    }
  }

  /** What the journal is told of a call, and the text that it has of it. */
  record(record: JournalRecord, json: string): void {
    if (this.#sinks.length === 0) return
    const call = callOfRecord(record)
    if (!call) return
    const traced = this.#calls.get(call)
    for (const sink of this.#sinks) sink.record?.(call, traced, record.at.wall, json)
  }

  /** The call is over; its dialogs are remembered for a while. */
  over(id: Id<'call'>): void {
    const call = this.#calls.get(id)
    if (call && !call.ended) {
      call.ended = true
      call.endedAt = this.#clock.now()
      if (this.#lastEnded) this.#lastEnded.next = call
      else this.#firstEnded = call
      this.#lastEnded = call
      // Made again for what comes late, which is little.
      for (let { dialogs: dialog } = call; dialog; dialog = dialog.before) {
        dialog.in = null
        dialog.out = null
      }
    }
    this.#forgetEnded()
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

  #callOf(id: Id<'call'>): Traced {
    let call = this.#calls.get(id)
    if (!call) {
      call = new Traced(id)
      this.#calls.set(id, call)
    }
    return call
  }

  #legsOf({ realm, callId }: DialogOwner): Legs {
    let ofRealm = this.#legs.get(realm)
    if (!ofRealm) {
      ofRealm = new Map()
      this.#legs.set(realm, ofRealm)
    }
    let legs = ofRealm.get(callId)
    if (!legs) {
      legs = { callerTag: undefined, in: null, out: null }
      ofRealm.set(callId, legs)
    }
    return legs
  }

  #forgetEnded(): void {
    const until = this.#clock.now() - LINGER_MS
    for (let call = this.#firstEnded; call && call.endedAt <= until; call = this.#firstEnded) {
      this.#firstEnded = call.next
      if (!call.next) this.#lastEnded = null
      this.#calls.delete(call.id)
      for (let { dialogs: dialog } = call; dialog; dialog = dialog.before) this.#forget(dialog)
    }
  }

  #forget(dialog: OwnedDialog): void {
    const { realm, callId, direction } = dialog.owner
    const ofRealm = this.#legs.get(realm)
    const legs = ofRealm?.get(callId)
    // A leg that has gone over to another call is that one's.
    if (!ofRealm || legs?.[direction] !== dialog) return
    legs[direction] = null
    if (!legs.in && !legs.out) ofRealm.delete(callId)
    if (ofRealm.size === 0) this.#legs.delete(realm)
  }
}

function isOf(seen: SeenMessage, { realm, callId }: DialogOwner): boolean {
  return seen.callId === callId && seen.realm === realm
}

/** Of the two legs that a Call-ID may have here, the dialog of the one that sent or received this message. */
function dialogOf(legs: Legs, { is, direction, fromTag }: SeenMessage): OwnedDialog | null {
  const { callerTag } = legs
  // Of a former process: only where there is no doubt.
  if (callerTag === undefined) return legs.in && legs.out ? null : (legs.in ?? legs.out)
  // A request that leaves, and its answer that comes back, has our own tag in From.
  const ours = (typeof is === 'string') === (direction === 'out')
  return ours === (fromTag === callerTag) ? legs.out : legs.in
}
