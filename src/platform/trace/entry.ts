import type { Id } from '#lib/index.ts'
import { type JournalRecord, type Realm, type SeenMessage, type TraceEntry, wholeText } from '#platform/words/index.ts'
import { type Line, MESSAGE_IN, RECORD } from './line.ts'
import type { DialogOwner } from './tap.ts'

/** What a line of the file tells, and whose call it is. */
export interface FoundEntry {
  subscriber: Id<'sub'>
  entry: TraceEntry
}

/** Of the journal, what tells the course of a call: its events and its leases. */
export type CourseRecord = JournalRecord & { type: 'event' | 'lease.taken' | 'lease.released' }

export function isOfCourse(record: JournalRecord): record is CourseRecord {
  return record.type === 'event' || record.type === 'lease.taken' || record.type === 'lease.released'
}

/** Whose it is; the call is missing where it is none's. */
export function ownerOf(record: CourseRecord): { subscriber: Id<'sub'>; call?: Id<'call'> } {
  return record.type === 'event' ? record.event : record.lease
}

/** Whose records are, as far as that is told of the lines of a dialog. */
export function headOfRecords(call: Id<'call'>, subscriber: Id<'sub'>): string {
  return `${call} - ${subscriber}`
}

/** Whose the lines of a dialog are, and where they come from and go to: none of it holds a blank, nor anything but ASCII. */
export function headOf({ call, leg, subscriber }: DialogOwner, { realm, transport, local, peer }: SeenMessage): string {
  return `${call} ${leg} ${subscriber} ${realm} ${transport} ${hostPort(local)} ${hostPort(peer)}`
}

/** Null for a record that tells nothing of a call's course. @throws Error where the line is damaged. */
export function entryOf(line: Line): FoundEntry | null {
  return line.kind === RECORD ? entryOfRecord(recordOf(line)) : entryOfMessage(line)
}

function recordOf({ head, wall, body }: Line): JournalRecord {
  const [call = '', , subscriber = ''] = head.split(' ')
  return JSON.parse(wholeText(body.toString('utf8'), { wall: `${wall}`, mono: '0', boot: '', subscriber, call }))
}

function entryOfMessage({ kind, head, wall, body }: Line): FoundEntry {
  const [, leg, subscriber, realm, transport, local, peer] = head.split(' ') as [
    ...[string, Id<'leg'>, Id<'sub'>, Realm, string, string, string],
  ]
  const direction = kind === MESSAGE_IN ? 'in' : 'out'
  const entry = { kind: 'sip', direction, realm, transport, local, peer, message: body.toString('utf8') } as const
  return { subscriber, entry: { at: timeOf(wall), leg, ...entry } }
}

/** Null for what tells nothing of a call's course. */
export function entryOfRecord(record: JournalRecord): FoundEntry | null {
  const at = timeOf(record.at.wall)
  switch (record.type) {
    case 'event': {
      const { leg, subscriber, type, data, cause } = record.event
      return { subscriber, entry: { at, ...(leg && { leg }), kind: 'event', type, data: cause ? { ...data, cause } : data } }
    }
    case 'lease.taken':
    case 'lease.released': {
      const { id, leg, subscriber, kind, reason } = record.lease
      const what = record.type === 'lease.taken' ? 'taken' : 'released'
      const entry = { kind: 'lease', what, lease: id, resource: kind } as const
      return {
        subscriber,
        entry: { at, ...(leg && { leg }), ...entry, ...(what === 'released' && reason !== undefined && { reason }) },
      }
    }
    default:
      return null
  }
}

function timeOf(wall: number): string {
  return new Date(wall).toISOString()
}

function hostPort({ address, port }: { address: string; port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
