import type { Id } from '#lib/index.ts'
import type { JournalRecord, Realm, SeenMessage, TraceEntry } from '#platform/words/index.ts'
import { type Line, MESSAGE } from './line.ts'
import type { DialogOwner, LineHead } from './tap.ts'

/** What a line of the file tells, and whose call it is. */
export interface FoundEntry {
  subscriber: Id<'sub'>
  entry: TraceEntry
}

/** Of the journal, what tells the course of a call: its events and its leases. Null for anything else. */
export function callOfRecord(record: JournalRecord): Id<'call'> | null {
  if (record.type === 'event') return record.event.call ?? null
  return record.type === 'lease.taken' || record.type === 'lease.released' ? (record.lease.call ?? null) : null
}

/** What the line of a message begins with: ids, addresses and names of transports hold no blank, nor anything but ASCII. */
export function headOf({ call, leg, subscriber }: DialogOwner, seen: SeenMessage): LineHead {
  const { realm, direction, transport, local, peer } = seen
  const text = `${call} ${leg} ${subscriber} ${direction} ${realm} ${transport} ${hostPort(local)} ${hostPort(peer)}`
  return { transport, address: peer.address, port: peer.port, text }
}

/** Null for a line that cannot be read. */
export function entryOf(line: Line): FoundEntry | null {
  return line.kind === MESSAGE ? entryOfMessage(line) : entryOfRecord(JSON.parse(line.body.toString('utf8')))
}

function entryOfMessage({ head, wall, body }: Line): FoundEntry {
  const [, leg, subscriber, direction, realm, transport, local, peer] = head.split(' ') as [
    ...[string, Id<'leg'>, Id<'sub'>, 'in' | 'out', Realm, string, string, string],
  ]
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
