import type { Id } from '#lib/index.ts'
import { type CallCause, type PlatformEvent, type Refusal, TOLL_RULES } from '#platform/words/index.ts'

/** Why a call went as it did: what `tieline explain` shows. */
export interface Explanation {
  call: Id<'call'>
  subscriber: Id<'sub'>
  /** One sentence for people. */
  summary: string
  cause?: CallCause
  /** Refused for want of a resource: kind, limit, in use, and who held it. */
  refusals: Refusal[]
  /** What happened, in order. */
  steps: { at: string; type: string; text: string }[]
}

/**
 * Explains a call by its events, in order. A subscriber reads nothing of others: their holdings are counted, not named.
 * Answers null when there is no event.
 */
export function explain(events: PlatformEvent[], reader: 'operator' | Id<'sub'>): Explanation | null {
  const [first] = events
  if (!first?.call) return null
  const refusals = events.flatMap((event) => (event.data.refusal ? [visible(event.data.refusal as Refusal, reader)] : []))
  const last = events.findLast((event) => event.cause)
  return {
    call: first.call,
    subscriber: first.subscriber,
    summary: summary(events, refusals, last?.cause),
    ...(last?.cause ? { cause: last.cause } : {}),
    refusals,
    steps: events.map(({ at, type, data, cause }) => ({ at, type, text: stepText(type, data, cause) })),
  }
}

/** A refusal as its reader may see it. */
export function visible(refusal: Refusal, reader: 'operator' | Id<'sub'>): Refusal {
  if (reader === 'operator') return refusal
  return { ...refusal, holders: refusal.holders.filter((holder) => holder.subscriber === reader) }
}

/** The event as its reader may see it: the same, but for holders that are others. */
export function visibleEvent(event: PlatformEvent, reader: 'operator' | Id<'sub'>): PlatformEvent {
  if (reader === 'operator' || !event.data.refusal) return event
  return { ...event, data: { ...event.data, refusal: visible(event.data.refusal as Refusal, reader) } }
}

const LIMITED_BY: Record<Exclude<Refusal['limitedBy'], 'class' | 'velocity' | 'spend' | 'balance'>, string> = {
  ceiling: "the subscriber's own ceiling",
  pool: 'the pool of the node',
  trunk: 'the channels of the trunk',
}

export function refusalText(refusal: Refusal): string {
  const { kind, limitedBy, limit, inUse, requested } = refusal
  if (limitedBy === 'class') return `${kind} was refused: the operator denies calls out to numbers of the class ${refusal.class}.`
  const of = refusal.class ? ` to numbers of the class ${refusal.class}` : ''
  if (limitedBy === 'velocity' || limitedBy === 'spend')
    return `${kind} was refused: calls out${of} are limited to ${limit} ${TOLL_RULES[refusal.rule!]}, and ${inUse} were used.`
  if (limitedBy === 'balance')
    return `${kind} was refused: of the balance of ${limit}, calls that run have ${inUse}, and the rest does not pay for it.`
  return `${kind} was refused by ${LIMITED_BY[limitedBy]}: ${inUse} of ${limit} were in use and ${requested} more was asked for.`
}

const ROUTED_BY: Readonly<Record<string, string>> = {
  agent: 'its agent',
  default: 'its default route',
  emergency: 'its being an emergency call',
  park: 'its return from where it was parked',
  transfer: 'a transfer',
}

function routedText({ by, why }: Record<string, unknown>): string {
  if (by === 'default' && why === 'site') return 'The call was dialled by the site.'
  return `The call was routed by ${ROUTED_BY[String(by)] ?? by ?? 'the switch'}${why ? ` (${why})` : ''}.`
}

function summary(events: PlatformEvent[], refusals: Refusal[], cause: CallCause | undefined): string {
  const refused = events.find(({ type }) => type === 'call.refused')
  const [refusal] = refusals
  if (refused && refusal) return `The call was refused: ${refusalText(refusal)}`
  const diverted = events.findLast(({ type }) => type === 'leg.diverted')
  const routed = events.findLast(({ type }) => type === 'call.routed')
  const parts: string[] = []
  if (routed) parts.push(routedText(routed.data))
  if (diverted) parts.push(`It took another road${diverted.data.why ? `, because ${diverted.data.why}` : ''}.`)
  if (refusal) parts.push(refusalText(refusal))
  if (cause) parts.push(`It ended by the ${cause.by}: ${cause.text ?? cause.reason}${cause.sip ? ` (SIP ${cause.sip})` : ''}.`)
  else parts.push('It is still up, or its end is on its way here.')
  return parts.join(' ')
}

function stepText(type: string, data: Record<string, unknown>, cause: CallCause | undefined): string {
  if (data.refusal) return refusalText(data.refusal as Refusal)
  const facts = Object.entries(data).flatMap(([key, value]) => {
    const text = key === 'media' ? mediaText(value) : factText(value)
    return text === null ? [] : [`${key} ${text}`]
  })
  if (cause) facts.push(`${cause.reason} by ${cause.by}${cause.sip ? `, SIP ${cause.sip}` : ''}`)
  return facts.join(', ') || type
}

/** A party by its number, a target as it is written: `pbx 101`. */
function factText(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (typeof value !== 'object') return String(value)
  if (Array.isArray(value)) return value.map(factText).filter(Boolean).join(' ') || null
  const { number, uri, ...others } = value as Record<string, unknown>
  const facts = Object.entries(others).flatMap(([key, inner]) => {
    const text = factText(inner)
    return text === null ? [] : [`${key} ${text}`]
  })
  if (number !== undefined || uri !== undefined) facts.unshift(String(number ?? uri))
  return facts.join(' ') || null
}

/** Of all that is known of a leg's sound, what a person asks first. */
function mediaText(value: unknown): string | null {
  const { packetsReceived, packetsSent, received } = (value ?? {}) as {
    packetsReceived?: number
    packetsSent?: number
    received?: { lossRatio: number; jitterMs: number; mos: number } | null
  }
  if (packetsReceived === undefined || packetsSent === undefined) return factText(value)
  const heard = received
    ? ` (${(received.lossRatio * 100).toFixed(1)} % lost, jitter ${received.jitterMs} ms, MOS ${received.mos})`
    : ''
  return `${packetsReceived} packets received${heard}, ${packetsSent} sent`
}
