import type { Clock, Id } from '#lib/index.ts'
import type { JournalRecord, Realm, SeenMessage } from '#platform/words/index.ts'
import { redact } from './redact.ts'

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

/** A message of a call, as it may be kept. */
export interface CallMessage extends Omit<SeenMessage, 'callId' | 'fromTag' | 'is'> {
  wall: number
  owner: DialogOwner
}

/** What takes the messages of calls: the store, an exporter. */
export interface TraceSink {
  message(message: CallMessage): void
  /** A lease or an event of a call. */
  record?(record: JournalRecord): void
}

/** A message is seen before anybody knows which call it begins; so many wait to be known. */
const UNKNOWN = 64

/** Ms for which a dialog is remembered after its call: repeats and answers to BYE come in this time. */
const LINGER_MS = 32_000

interface Dialog {
  callerTag: string | undefined
  in: DialogOwner | null
  out: DialogOwner | null
}

/**
 * Knows which call each SIP message belongs to. The same Call-ID may be on two legs of two subscribers, where a carrier
 * sends our own INVITE back: the caller's tag and the direction tell them apart.
 */
export class Tap {
  readonly #clock: Clock
  readonly #sinks: readonly TraceSink[]
  readonly #dialogs = new Map<string, Dialog>()
  readonly #ofCall = new Map<Id<'call'>, Set<string>>()
  /** Ended calls in the order of their ends. */
  readonly #ended: { call: Id<'call'>; at: number }[] = []
  readonly #unknown: { seen: SeenMessage; wall: number }[] = []

  constructor(options: { clock: Clock; sinks: readonly TraceSink[] }) {
    this.#clock = options.clock
    this.#sinks = options.sinks
  }

  /** Dialogs that are known. */
  get size(): number {
    return this.#dialogs.size
  }

  see(seen: SeenMessage): void {
    if (this.#sinks.length === 0) return
    const dialog = this.#dialogs.get(keyOf(seen))
    const owner = dialog && ownerOf(dialog, seen)
    const wall = this.#clock.wall()
    if (owner) this.#pass(seen, wall, owner)
    else {
      if (this.#unknown.length >= UNKNOWN) this.#unknown.shift()
      this.#unknown.push({ seen, wall })
    }
  }

  /** A leg has this dialog, or will: what was seen of it before is the leg's too. */
  own(owner: DialogOwner): void {
    if (this.#sinks.length === 0) return
    this.#forgetEnded()
    const key = keyOf(owner)
    const dialog = this.#dialogs.get(key) ?? { callerTag: undefined, in: null, out: null }
    const known = dialog[owner.direction]
    if (known && known.leg === owner.leg) return
    dialog[owner.direction] = owner
    dialog.callerTag ??= owner.callerTag ?? this.#tagOfFirst(key)
    this.#dialogs.set(key, dialog)
    const keys = this.#ofCall.get(owner.call)
    if (keys) keys.add(key)
    else this.#ofCall.set(owner.call, new Set([key]))
    for (let i = 0; i < this.#unknown.length; ) {
      const { seen, wall } = this.#unknown[i]!
      if (keyOf(seen) === key && ownerOf(dialog, seen) === owner) {
        this.#unknown.splice(i, 1)
        this.#pass(seen, wall, owner)
      } else i++
    }
  }

  /** What the journal is told of a call. */
  record(record: JournalRecord): void {
    for (const sink of this.#sinks) sink.record?.(record)
  }

  /** The call is over; its dialogs are remembered for a while. */
  over(call: Id<'call'>): void {
    if (this.#ofCall.has(call)) this.#ended.push({ call, at: this.#clock.now() })
    this.#forgetEnded()
  }

  #pass({ realm, direction, bytes, transport, local, peer }: SeenMessage, wall: number, owner: DialogOwner): void {
    const message = { realm, direction, bytes: redact(bytes), transport, local, peer, wall, owner }
    for (const sink of this.#sinks) sink.message(message)
  }

  /** A request of ours that has just left: its own tag is the caller's. */
  #tagOfFirst(key: string): string | undefined {
    return this.#unknown.find(({ seen }) => typeof seen.is === 'string' && seen.direction === 'out' && keyOf(seen) === key)?.seen
      .fromTag
  }

  #forgetEnded(): void {
    const until = this.#clock.now() - LINGER_MS
    for (let first = this.#ended[0]; first && first.at <= until; first = this.#ended[0]) {
      this.#ended.shift()
      for (const key of this.#ofCall.get(first.call) ?? []) this.#forget(key, first.call)
      this.#ofCall.delete(first.call)
    }
  }

  #forget(key: string, call: Id<'call'>): void {
    const dialog = this.#dialogs.get(key)
    if (!dialog) return
    if (dialog.in?.call === call) dialog.in = null
    if (dialog.out?.call === call) dialog.out = null
    if (!dialog.in && !dialog.out) this.#dialogs.delete(key)
  }
}

function keyOf({ realm, callId }: { realm: Realm; callId: string }): string {
  return `${realm} ${callId}`
}

/** Of the two legs that a dialog may have here, the one that sent or received this message. */
function ownerOf(dialog: Dialog, { is, direction, fromTag }: SeenMessage): DialogOwner | null {
  const { callerTag } = dialog
  // Of a former process: only where there is no doubt.
  if (callerTag === undefined) return dialog.in && dialog.out ? null : (dialog.in ?? dialog.out)
  // A request that leaves, and its answer that comes back, has our own tag in From.
  const ours = (typeof is === 'string') === (direction === 'out')
  return ours === (fromTag === callerTag) ? dialog.out : dialog.in
}
