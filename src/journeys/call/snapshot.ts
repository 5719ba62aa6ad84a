import type { Id } from '#lib/index.ts'
import type { DialogSnapshot, LegFacts, MediaSnapshot } from '#platform/switch/index.ts'
import type { CallCause, Instant } from '#platform/words/index.ts'
import type { Call, CallFacts } from './call.ts'

/** A call as the journal keeps it: plain JSON, enough to carry it on, or to end it cleanly. */
export interface CallSnapshot {
  version: 1
  facts: CallFacts
  subscriber: Id<'sub'>
  phase: 'setup' | 'verb' | 'joined'
  decided: boolean
  direct: boolean
  answeredAt: Instant | null
  legs: LegSnapshot[]
  /** Legs that are over but for their last event. */
  clearing?: { leg: Id<'leg'>; cause: CallCause }[]
}

export interface LegSnapshot {
  facts: LegFacts
  held: boolean
  dialog: DialogSnapshot
  media?: MediaSnapshot
  /** What its far end was last told, where audio passes by us. */
  description?: string
}

export function snapshotOf(call: Call): CallSnapshot {
  const legs: LegSnapshot[] = []
  for (const leg of call.legs) {
    const dialog = leg.cause ? null : leg.snapshot()
    if (!dialog) continue
    const media = call.media.get(leg.id)?.snapshot()
    const { description } = leg
    legs.push({
      facts: leg.facts,
      held: leg.state === 'hold',
      dialog,
      ...(media ? { media } : {}),
      ...(description ? { description } : {}),
    })
  }
  return {
    version: 1,
    facts: call.facts,
    subscriber: call.subscriber.id,
    phase: call.phase === 'ending' ? 'setup' : call.phase,
    decided: call.decided,
    direct: call.direct,
    answeredAt: call.answeredAt,
    legs,
    ...(call.clearing.size > 0 ? { clearing: [...call.clearing].map(([{ id }, cause]) => ({ leg: id, cause })) } : {}),
  }
}

/** Reads what a former process has left. Null where it is not one of ours: an older form, or damage. */
export function readSnapshot(state: unknown): CallSnapshot | null {
  if (!isRecord(state) || state.version !== 1 || !isRecord(state.facts) || !Array.isArray(state.legs)) return null
  if (typeof state.subscriber !== 'string' || !PHASES.has(state.phase as string)) return null
  if (typeof state.facts.id !== 'string' || !isRecord(state.facts.startedAt) || !isRecord(state.facts.from)) return null
  if (state.legs.length === 0 || !state.legs.every(isLeg)) return null
  return state as unknown as CallSnapshot
}

const PHASES = new Set(['setup', 'verb', 'joined'])

function isLeg(leg: unknown): boolean {
  if (!isRecord(leg) || !isRecord(leg.facts) || !isRecord(leg.dialog)) return false
  const { kind } = leg.dialog
  return typeof leg.facts.id === 'string' && typeof kind === 'string' && isRecord(leg.dialog[kind])
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
