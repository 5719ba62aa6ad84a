import type { Instant, JournalRecord, Lease, PlatformEvent } from '#platform/words/index.ts'

/**
 * The JSON of a record: what `JSON.stringify` gives, in about half of its time for the records that each call has a dozen
 * of. Ids, kinds and types need no escaping; everything that others can choose goes through `JSON.stringify`.
 */
export function textOf(record: JournalRecord): string {
  switch (record.type) {
    case 'event': {
      const { id, subscriber, number, at, type, call, leg, cause, data } = record.event
      let text = `{"type":"event","at":${instant(record.at)},"event":{"id":"${id}","subscriber":"${subscriber}","number":${number},"at":"${at}","type":"${type}"`
      if (call) text += `,"call":"${call}"`
      if (leg) text += `,"leg":"${leg}"`
      if (cause) text += `,"cause":${JSON.stringify(cause)}`
      return `${text},"data":${isEmpty(data) ? '{}' : JSON.stringify(data)}}}`
    }
    case 'lease.taken':
      return `{"type":"lease.taken","at":${instant(record.at)},"lease":${lease(record.lease)}}`
    case 'lease.answered':
      return `{"type":"lease.answered","at":${instant(record.at)},"lease":"${record.lease}"}`
    case 'lease.released':
      return `{"type":"lease.released","at":${instant(record.at)},"lease":${lease(record.lease)}${record.review === undefined ? '' : `,"review":${record.review}`}}`
    case 'call': {
      const number = record.number === undefined ? '' : `,"number":${record.number}`
      return `{"type":"call","at":${instant(record.at)},"call":"${record.call}","state":${JSON.stringify(record.state)}${number}}`
    }
    case 'call.changed':
      return `{"type":"call.changed","at":${instant(record.at)},"call":"${record.call}","number":${record.number},"changes":${JSON.stringify(record.changes)}}`
    default:
      return JSON.stringify(record)
  }
}

/** A moment often stands twice in a record, and in the next one. */
let lastInstant: Instant | null = null
let lastText = ''

function instant(at: Instant): string {
  if (at !== lastInstant) {
    lastText = `{"wall":${digitsOf(at.wall)},"mono":${at.mono},"boot":"${at.boot}"}`
    lastInstant = at
  }
  return lastText
}

const MILLION = 1_000_000

/** The digits of a whole number that is not negative, in two parts: V8 takes twice as long for one of more than 31 bits. */
export function digitsOf(n: number): string {
  const millions = Math.floor(n / MILLION)
  return millions === 0 ? `${n}` : `${millions}${`${n - millions * MILLION + MILLION}`.slice(1)}`
}

/** What the two functions below write out; a field that is added to these types and not here does not compile. */
type Written<T, K extends keyof T> = Exclude<keyof T, K> extends never ? true : never
const complete: [
  Written<Instant, 'wall' | 'mono' | 'boot'>,
  Written<PlatformEvent, 'id' | 'subscriber' | 'number' | 'at' | 'type' | 'call' | 'leg' | 'cause' | 'data'>,
  Written<
    Lease,
    'id' | 'subscriber' | 'kind' | 'count' | 'call' | 'agent' | 'taken' | 'leg' | 'detail' | 'answered' | 'released' | 'reason'
  >,
] = [true, true, true]
void complete

function lease({ id, subscriber, kind, count, call, agent, taken, leg, detail, answered, released, reason }: Lease): string {
  let text = `{"id":"${id}","subscriber":"${subscriber}","kind":"${kind}","count":${count},"${call ? 'call' : 'agent'}":"${call ?? agent}","taken":${instant(taken)}`
  if (leg) text += `,"leg":"${leg}"`
  if (detail) text += `,"detail":${JSON.stringify(detail)}`
  if (answered) text += `,"answered":${instant(answered)}`
  if (released) text += `,"released":${instant(released)}`
  if (reason !== undefined) text += `,"reason":${JSON.stringify(reason)}`
  return `${text}}`
}

/** Whether a record's text is of what a call is carried on from, which nobody but the switch itself needs: without reading all of it. */
export function isStateOfCall(json: string): boolean {
  return json.startsWith('{"type":"call"') || json.startsWith('{"type":"call.changed"')
}

function isEmpty(data: Record<string, unknown>): boolean {
  for (const _ in data) return false
  return true
}
