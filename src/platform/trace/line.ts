import type { Id } from '#lib/index.ts'
import type { JournalRecord, TraceEntry } from '#platform/words/index.ts'
import type { CallMessage, DialogOwner } from './tap.ts'

/** A line of the file: a head of JSON, and behind it so many bytes of the message as it came. */
export interface Line {
  head: LineHead
  body?: Uint8Array
}

/** A line, and where it was found. */
export interface FoundLine extends Line {
  offset: number
  length: number
}

export interface LineHead {
  call: Id<'call'>
  subscriber: Id<'sub'>
  /** Wall-clock ms. */
  wall: number
  leg?: Id<'leg'> | undefined
  /** All of the entry that is not above, without its message. */
  entry: Record<string, unknown>
  /** Bytes of the message that follows. */
  bytes?: number
}

export const NEWLINE = 10

/**
 * The heads of the lines of a dialog's messages, but for what differs from one to the next. What stands in them is ours and
 * needs no escaping: ids, addresses, names of transports.
 */
export class MessageHeads {
  readonly #owner: DialogOwner
  readonly #heads: { direction: string; transport: string; address: string; port: number; text: string }[] = []

  constructor(owner: DialogOwner) {
    this.#owner = owner
  }

  /** Up to and with `"wall":`. A dialog has two of them, and a few more where its far end moves. */
  of({ direction, realm, transport, local, peer }: CallMessage): string {
    const { address, port } = peer
    for (const head of this.#heads) {
      if (head.direction === direction && head.port === port && head.address === address && head.transport === transport)
        return head.text
    }
    const { call, leg, subscriber } = this.#owner
    const entry = `{"kind":"sip","direction":"${direction}","realm":"${realm}","transport":"${transport}","local":"${hostPort(local)}","peer":"${hostPort(peer)}"}`
    const text = `{"call":"${call}","subscriber":"${subscriber}","leg":"${leg}","entry":${entry},"wall":`
    if (this.#heads.length < MOST_HEADS) this.#heads.push({ direction, transport, address, port, text })
    return text
  }
}

const MOST_HEADS = 8

/** Of the journal, what tells the course of a call: its events and its leases. Null for anything else. */
export function callOfRecord(record: JournalRecord): Id<'call'> | null {
  if (record.type === 'event') return record.event.call ?? null
  return record.type === 'lease.taken' || record.type === 'lease.released' ? (record.lease.call ?? null) : null
}

/** A line that holds a record of the journal, as a head like any other. */
function headOfRecord(record: JournalRecord): LineHead | null {
  const { wall } = record.at
  switch (record.type) {
    case 'event': {
      const { call, leg, subscriber, type, data, cause } = record.event
      if (!call) return null
      const entry = { kind: 'event', type, data: cause ? { ...data, cause } : data }
      return { call, subscriber, wall, leg, entry }
    }
    case 'lease.taken':
    case 'lease.released': {
      const { id, call, leg, subscriber, kind, reason } = record.lease
      if (!call) return null
      const what = record.type === 'lease.taken' ? 'taken' : 'released'
      const entry = { kind: 'lease', what, lease: id, resource: kind, reason: what === 'released' ? reason : undefined }
      return { call, subscriber, wall, leg, entry }
    }
    default:
      return null
  }
}

function readHead(json: string): LineHead | null {
  try {
    const head = JSON.parse(json) as LineHead | JournalRecord
    return 'type' in head ? headOfRecord(head) : head
  } catch {
    return null
  }
}

/** The lines in a piece of a file; what is torn at its end is left out. */
export function linesIn(bytes: Buffer): FoundLine[] {
  const lines: FoundLine[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, offset)
    if (end < 0) break
    const head = readHead(bytes.toString('utf8', offset, end))
    if (!head) break
    const bodyEnd = end + 1 + (head.bytes ?? 0)
    if (bodyEnd > bytes.length) break
    lines.push({ head, body: bytes.subarray(end + 1, bodyEnd), offset, length: bodyEnd - offset })
    offset = bodyEnd
  }
  return lines
}

export function entryOf({ head, body }: Line): TraceEntry {
  const { wall, leg, entry } = head
  const message = entry.kind === 'sip' ? { message: Buffer.from(body ?? []).toString('utf8') } : {}
  return { at: new Date(wall).toISOString(), ...(leg ? { leg } : {}), ...entry, ...message } as TraceEntry
}

/** Whose call it is. */
export function ownerOf(lines: readonly Line[]): Id<'sub'> {
  return lines[0]!.head.subscriber
}

function hostPort({ address, port }: { address: string; port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
