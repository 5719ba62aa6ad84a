import { changesBetween, type Id } from '#lib/index.ts'
import type { Sealer } from '#platform/subscriber/index.ts'
import type { DialogSnapshot, LegFacts, MediaSnapshot } from '#platform/switch/index.ts'
import type { CallCause, Instant, JournalRecord, Sealed } from '#platform/words/index.ts'
import type { AnsweringSnapshot } from './answering.ts'
import type { Call, CallFacts } from './call.ts'
import type { ProgressSnapshot } from './progress.ts'

/** A call as the journal keeps it: plain JSON, enough to carry it on, or to end it cleanly. */
export interface CallSnapshot {
  version: 1
  facts: CallFacts
  subscriber: Id<'sub'>
  phase: 'setup' | 'verb' | 'joined'
  decided: boolean
  direct: boolean
  answeredAt: Instant | null
  legs: (LegSnapshot | SealedLeg)[]
  /** Legs that are over but for their last event. */
  clearing?: readonly { leg: Id<'leg'>; cause: CallCause }[]
  /** Legs of which it is not yet known who has answered. */
  listening?: AnsweringSnapshot[]
  /** Legs whose network may still say by a tone that nobody is there. */
  hearing?: ProgressSnapshot[]
}

/** A leg whose descriptions hold keys (RFC 4568): a {@link LegSnapshot} as JSON, sealed by the node. */
export interface SealedLeg {
  sealed: Sealed
}

export interface LegSnapshot {
  facts: LegFacts
  /** By its far end. */
  held: boolean
  /** By us. */
  holding?: true
  /** Others of the site know the name of its dialog. */
  named?: true
  dialog: DialogSnapshot
  media?: MediaSnapshot
  /** What its far end was last told, where audio passes by us. */
  description?: string
}

/** What the journal has of a call. */
export interface SavedCall {
  snapshot: CallSnapshot
  /** Written since it was written as a whole. */
  changes: number
}

/** So many changes, and a call is written as a whole once more: what is kept of one that lasts does not grow. */
const MOST_CHANGES = 16

/**
 * What tells the journal how a call is now: all of it the first time, then what has changed, and null where nothing has.
 */
export function recordOf(call: Call, at: Instant): JournalRecord | null {
  const snapshot = snapshotOf(call)
  const { saved } = call
  if (!saved || saved.changes >= MOST_CHANGES) {
    call.saved = { snapshot, changes: 0 }
    return { type: 'call', at, call: call.id, state: snapshot }
  }
  const changes = changesBetween(saved.snapshot, snapshot)
  if (changes.length === 0) return null
  call.saved = { snapshot, changes: saved.changes + 1 }
  return { type: 'call.changed', at, call: call.id, number: 0, changes }
}

function snapshotOf(call: Call): CallSnapshot {
  const legs: (LegSnapshot | SealedLeg)[] = []
  for (const leg of call.legs) {
    const dialog = leg.cause ? null : leg.snapshot()
    if (!dialog) continue
    const sound = call.media.get(leg.id)
    const media = sound?.snapshot()
    const { description } = leg
    const snapshot: LegSnapshot = { facts: leg.facts, held: leg.state === 'hold', dialog }
    if (call.holds?.has(leg)) snapshot.holding = true
    if (leg.named) snapshot.named = true
    if (media) snapshot.media = media
    if (description) snapshot.description = description
    const secret = sound?.isSecret || description?.includes('a=crypto:')
    legs.push(secret ? { sealed: call.x.sealer.seal(JSON.stringify(snapshot)) } : snapshot)
  }
  const snapshot: CallSnapshot = {
    version: 1,
    facts: call.facts,
    subscriber: call.subscriber.id,
    phase: call.phase === 'ending' ? 'setup' : call.phase,
    decided: call.decided,
    direct: call.direct,
    answeredAt: call.answeredAt,
    legs,
  }
  if (call.listening.length > 0) snapshot.listening = call.listening.map((one) => one.snapshot)
  if (call.hearing.length > 0) snapshot.hearing = call.hearing.flatMap((one) => one.snapshots)
  if (call.clearing.length > 0) snapshot.clearing = call.clearing
  return snapshot
}

/** Reads what a former process has left. Null where it is not one of ours: an older form, damage, or another key's. */
export function readSnapshot(state: unknown, sealer: Sealer): (Omit<CallSnapshot, 'legs'> & { legs: LegSnapshot[] }) | null {
  if (!isRecord(state) || state.version !== 1 || !isRecord(state.facts) || !Array.isArray(state.legs)) return null
  if (typeof state.subscriber !== 'string' || !PHASES.has(state.phase as string)) return null
  if (typeof state.facts.id !== 'string' || !isRecord(state.facts.startedAt) || !isRecord(state.facts.from)) return null
  const legs = state.legs.map((leg) => opened(leg, sealer))
  if (legs.length === 0 || !legs.every(isLeg)) return null
  return { ...(state as unknown as CallSnapshot), legs }
}

function opened(leg: unknown, sealer: Sealer): unknown {
  if (!isRecord(leg) || typeof leg.sealed !== 'string') return leg
  try {
    return JSON.parse(sealer.openText(leg.sealed as Sealed))
  } catch {
    return null
  }
}

const PHASES = new Set(['setup', 'verb', 'joined'])

function isLeg(leg: unknown): leg is LegSnapshot {
  if (!isRecord(leg) || !isRecord(leg.facts) || !isRecord(leg.dialog)) return false
  const { kind } = leg.dialog
  return typeof leg.facts.id === 'string' && typeof kind === 'string' && isRecord(leg.dialog[kind])
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
