import type { Clock, Id } from '#lib/index.ts'
import type { JournalRecord, Realm, SeenMessage } from '#platform/words/index.ts'
import type { MessageHeads } from './line.ts'
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
  /** The store's own: what the lines of this dialog's messages begin with. */
  heads?: MessageHeads | undefined
}

/** A message of a call, as it may be kept. */
export interface CallMessage extends Pick<SeenMessage, 'realm' | 'direction' | 'content' | 'transport' | 'local' | 'peer'> {
  wall: number
  owner: DialogOwner
}

/** What takes the messages of calls: the store, an exporter. */
export interface TraceSink {
  message(message: CallMessage): void
  /** What the journal was told, and its text there. */
  record?(record: JournalRecord, json: string): void
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
  /** By realm and Call-ID. */
  readonly #dialogs = new Map<Realm, Map<string, Dialog>>()
  readonly #ofCall = new Map<Id<'call'>, DialogOwner[]>()
  /** Ended calls in the order of their ends. */
  #ended = new Map<Id<'call'>, number>()
  readonly #unknown: { seen: SeenMessage; wall: number }[] = []

  constructor(options: { clock: Clock; sinks: readonly TraceSink[] }) {
    this.#clock = options.clock
    this.#sinks = options.sinks
  }

  /** Dialogs that are known. */
  get size(): number {
    let size = 0
    for (const dialogs of this.#dialogs.values()) size += dialogs.size
    return size
  }

  see(seen: SeenMessage): void {
    if (this.#sinks.length === 0) return
    const dialog = this.#dialogs.get(seen.realm)?.get(seen.callId)
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
    const dialog = this.#dialogOf(owner)
    const known = dialog[owner.direction]
    if (known && known.leg === owner.leg) return
    dialog[owner.direction] = owner
    dialog.callerTag ??= owner.callerTag ?? this.#tagOfFirst(owner)
    const owners = this.#ofCall.get(owner.call)
    if (owners) owners.push(owner)
    else this.#ofCall.set(owner.call, [owner])
    for (let i = 0; i < this.#unknown.length; ) {
      const { seen, wall } = this.#unknown[i]!
      if (isOf(seen, owner) && ownerOf(dialog, seen) === owner) {
        this.#unknown.splice(i, 1)
        this.#pass(seen, wall, owner)
      } else i++
    }
  }

  /** What the journal is told of a call, and the text that it has of it. */
  record(record: JournalRecord, json: string): void {
    for (const sink of this.#sinks) sink.record?.(record, json)
  }

  /** The call is over; its dialogs are remembered for a while. */
  over(call: Id<'call'>): void {
    const owners = this.#ofCall.get(call)
    if (owners) {
      this.#ended.set(call, this.#clock.now())
      // Made again for what comes late, which is little.
      for (const owner of owners) owner.heads = undefined
    }
    this.#forgetEnded()
  }

  #pass({ realm, direction, content, transport, local, peer }: SeenMessage, wall: number, owner: DialogOwner): void {
    const message = { realm, direction, content: redact(content), transport, local, peer, wall, owner }
    for (const sink of this.#sinks) sink.message(message)
  }

  /** A request of ours that has just left: its own tag is the caller's. */
  #tagOfFirst(owner: DialogOwner): string | undefined {
    for (const { seen } of this.#unknown) {
      if (typeof seen.is === 'string' && seen.direction === 'out' && isOf(seen, owner)) return seen.fromTag
    }
    return undefined
  }

  #dialogOf({ realm, callId }: DialogOwner): Dialog {
    let dialogs = this.#dialogs.get(realm)
    if (!dialogs) {
      dialogs = new Map()
      this.#dialogs.set(realm, dialogs)
    }
    let dialog = dialogs.get(callId)
    if (!dialog) {
      dialog = { callerTag: undefined, in: null, out: null }
      dialogs.set(callId, dialog)
    }
    return dialog
  }

  #forgetEnded(): void {
    const until = this.#clock.now() - LINGER_MS
    for (const [call, at] of this.#ended) {
      if (at > until) return
      this.#ended.delete(call)
      for (const owner of this.#ofCall.get(call) ?? []) this.#forget(owner)
      this.#ofCall.delete(call)
    }
  }

  #forget({ realm, callId, call }: DialogOwner): void {
    const dialogs = this.#dialogs.get(realm)
    const dialog = dialogs?.get(callId)
    if (!dialogs || !dialog) return
    if (dialog.in?.call === call) dialog.in = null
    if (dialog.out?.call === call) dialog.out = null
    if (!dialog.in && !dialog.out) dialogs.delete(callId)
    if (dialogs.size === 0) this.#dialogs.delete(realm)
  }
}

function isOf(seen: SeenMessage, { realm, callId }: DialogOwner): boolean {
  return seen.callId === callId && seen.realm === realm
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
