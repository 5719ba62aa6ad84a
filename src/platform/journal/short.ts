import {
  type CallCause,
  type Instant,
  type JournalRecord,
  type Lease,
  type PlatformEvent,
  timeText,
} from '#platform/words/index.ts'
import type { Octets } from './octets.ts'

const BLANK = 0x20
const NONE = 0x2d
const [EVENT, TAKEN, ANSWERED, RELEASED, CALL, CHANGED] = [0x45, 0x54, 0x41, 0x52, 0x43, 0x44]

/** Whether a record is written in few words, see {@link wholeText}: those that each call has a dozen of, as the switch makes them. */
export function isShort(record: JournalRecord): boolean {
  switch (record.type) {
    case 'event':
      return record.event.call !== undefined && record.event.at === timeText(record.at.wall)
    case 'lease.taken': {
      const { call, taken, answered, released, reason } = record.lease
      return call !== undefined && taken === record.at && !answered && !released && reason === undefined
    }
    case 'lease.released': {
      const { at, lease, review } = record
      const ofOneBoot = lease.taken.boot === at.boot && (lease.answered ?? at).boot === at.boot
      return lease.call !== undefined && lease.released === at && lease.reason !== undefined && ofOneBoot && review === undefined
    }
    case 'call':
      return record.number !== undefined
    default:
      return record.type === 'lease.answered' || record.type === 'call.changed'
  }
}

/** The JSON of what is kept of a record: of a call its state, or the changes of it. Empty where none is needed of one that is {@link isShort}. */
export function jsonOf(record: JournalRecord, short: boolean): string {
  if (record.type === 'call') return JSON.stringify(record.state)
  if (record.type === 'call.changed') return JSON.stringify(record.changes)
  return short ? '' : JSON.stringify(record)
}

/** Writes a record. `json` is what {@link jsonOf} says of it. */
export function writeRecord(record: JournalRecord, short: boolean, json: string, octets: Octets): void {
  if (!short) octets.text(record.type === 'call' ? JSON.stringify(record) : json)
  else if (record.type === 'event') writeEvent(record.event, octets)
  else if (record.type === 'lease.taken') writeTaken(record.lease, octets)
  else if (record.type === 'lease.released') writeReleased(record.lease, octets)
  else if (record.type === 'lease.answered') {
    octets.byte(ANSWERED)
    octets.word(record.lease)
  } else if (record.type === 'call' || record.type === 'call.changed') {
    octets.byte(record.type === 'call' ? CALL : CHANGED)
    octets.number(record.number!)
    octets.byte(BLANK)
    octets.text(json)
  }
}

function writeEvent({ id, number, type, leg, cause, data }: PlatformEvent, octets: Octets): void {
  octets.byte(EVENT)
  octets.word(id)
  octets.byte(BLANK)
  octets.number(number)
  octets.byte(BLANK)
  octets.word(type)
  writeLeg(leg, octets)
  const empty = isEmpty(data)
  if (cause) {
    octets.word(',"cause":')
    octets.text(causeText(cause))
  } else if (empty) return
  octets.word(',"data":')
  if (empty) octets.word('{}')
  else octets.text(JSON.stringify(data))
}

function writeLease(letter: number, { id, kind, count, leg }: Lease, octets: Octets): void {
  octets.byte(letter)
  octets.word(id)
  octets.byte(BLANK)
  octets.word(kind)
  octets.byte(BLANK)
  octets.number(count)
  writeLeg(leg, octets)
}

function writeLeg(leg: string | undefined, octets: Octets): void {
  octets.byte(BLANK)
  if (leg) octets.word(leg)
  else octets.byte(NONE)
  octets.byte(BLANK)
}

function writeTaken(lease: Lease, octets: Octets): void {
  writeLease(TAKEN, lease, octets)
  if (lease.detail) octets.text(JSON.stringify(lease.detail))
}

function writeReleased(lease: Lease, octets: Octets): void {
  const { taken, answered, reason, detail } = lease
  writeLease(RELEASED, lease, octets)
  writeInstant(taken, octets)
  writeInstant(answered, octets)
  octets.text(JSON.stringify(reason))
  if (!detail) return
  octets.word(',"detail":')
  octets.text(JSON.stringify(detail))
}

function writeInstant(at: Instant | undefined, octets: Octets): void {
  if (at) octets.number(at.wall)
  else octets.byte(NONE)
  octets.byte(BLANK)
  if (at) octets.number(at.mono)
  else octets.byte(NONE)
  octets.byte(BLANK)
}

/** What the functions above write out; a field that is added to these types and not here does not compile. */
type Written<T, K extends keyof T> = Exclude<keyof T, K> extends never ? true : never
type Of<T extends JournalRecord['type']> = Extract<JournalRecord, { type: T }>
const complete: [
  Written<Instant, 'wall' | 'mono' | 'boot'>,
  Written<PlatformEvent, 'id' | 'subscriber' | 'number' | 'at' | 'type' | 'call' | 'leg' | 'cause' | 'data'>,
  Written<
    Lease,
    'id' | 'subscriber' | 'kind' | 'count' | 'call' | 'agent' | 'taken' | 'leg' | 'detail' | 'answered' | 'released' | 'reason'
  >,
  Written<Of<'event'>, 'type' | 'at' | 'event'>,
  Written<Of<'lease.taken'>, 'type' | 'at' | 'lease'>,
  Written<Of<'lease.answered'>, 'type' | 'at' | 'lease'>,
  Written<Of<'lease.released'>, 'type' | 'at' | 'lease' | 'review'>,
  Written<Of<'call'>, 'type' | 'at' | 'call' | 'state' | 'number'>,
  Written<Of<'call.changed'>, 'type' | 'at' | 'call' | 'number' | 'changes'>,
] = [true, true, true, true, true, true, true, true, true]
void complete

/** Legs and their call end of one cause. */
let lastCause: CallCause | null = null
let lastText = ''

function causeText(cause: CallCause): string {
  if (cause !== lastCause) {
    lastText = JSON.stringify(cause)
    lastCause = cause
  }
  return lastText
}

function isEmpty(data: Record<string, unknown>): boolean {
  for (const _ in data) return false
  return true
}
