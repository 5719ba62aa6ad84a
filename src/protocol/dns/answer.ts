import { SocketAddress } from 'node:net'
import dnsPacket from 'dns-packet'

/** What is asked for, and what a record of it says. */
export interface RecordData {
  A: string
  AAAA: string
  SRV: { priority: number; weight: number; port: number; target: string }
  NAPTR: { order: number; preference: number; flags: string; services: string; regexp: string; replacement: string }
}

export type RecordType = keyof RecordData

export interface Question<T extends RecordType = RecordType> {
  /** Of the message: 16 bits. */
  id: number
  /** In lower case, without a dot at its end. */
  name: string
  type: T
}

/** `records` without any member is an answer too: there is no such record (RFC 2308). */
export type ReadAnswer<T extends RecordType = RecordType> =
  | { kind: 'records'; records: RecordData[T][]; ttlSeconds: number }
  | { kind: 'cut' }
  | { kind: 'refused' }

/** CNAMEs that are followed in one answer. */
const MOST_ALIASES = 8

/** A query for a stub: somebody else is to do the work (RFC 1035 §4.1.1). */
export function writeQuery({ id, name, type }: Question): Uint8Array {
  return dnsPacket.encode({ type: 'query', id, flags: dnsPacket.RECURSION_DESIRED, questions: [{ type, name }] })
}

/**
 * What a message says to the question; null where it is no answer to it, whatever else it is. Records of other names and
 * types are passed over, wherever they stand: whoever forges an answer would put them there (RFC 5452 §6).
 */
export function readAnswer<T extends RecordType>(bytes: Uint8Array, question: Question<T>): ReadAnswer<T> | null {
  if (bytes.length < 12 || ((bytes[0]! << 8) | bytes[1]!) !== question.id) return null
  let packet: dnsPacket.DecodedPacket & { rcode?: string }
  try {
    packet = dnsPacket.decode(Buffer.from(bytes))
  } catch {
    return null
  }
  const [asked, ...more] = packet.questions ?? []
  if (packet.type !== 'response' || !asked || more.length > 0) return null
  if (asked.type !== question.type || plain(asked.name) !== question.name) return null
  if (packet.flag_tc) return { kind: 'cut' }
  if (packet.rcode !== 'NOERROR' && packet.rcode !== 'NXDOMAIN') return { kind: 'refused' }
  const found = follow(packet.answers ?? [], question)
  return found.records.length > 0 ? { kind: 'records', ...found } : { kind: 'records', ...nothing(packet, found.ttlSeconds) }
}

function follow<T extends RecordType>(answers: dnsPacket.Answer[], { name, type }: Question<T>) {
  const records: RecordData[T][] = []
  let ttlSeconds = Number.POSITIVE_INFINITY
  let at = name
  for (let aliases = 0; aliases <= MOST_ALIASES; aliases++) {
    let next: string | null = null
    for (const answer of answers) {
      if (plain(answer.name) !== at || !('data' in answer)) continue
      const ttl = 'ttl' in answer ? (answer.ttl ?? 0) : 0
      if (answer.type === type) {
        records.push(dataOf(type, answer.data))
        ttlSeconds = Math.min(ttlSeconds, ttl)
      } else if (answer.type === 'CNAME') {
        next = plain(answer.data)
        ttlSeconds = Math.min(ttlSeconds, ttl)
      }
    }
    if (records.length > 0 || next === null) break
    at = next
  }
  return { records, ttlSeconds }
}

/** RFC 2308 §5: for how long it is known that there is nothing. Without an SOA nobody has said. */
function nothing(packet: dnsPacket.DecodedPacket, aliasSeconds: number): { records: []; ttlSeconds: number } {
  for (const record of packet.authorities ?? []) {
    if (record.type !== 'SOA') continue
    return { records: [], ttlSeconds: Math.min(aliasSeconds, record.ttl ?? 0, record.data.minimum ?? 0) }
  }
  return { records: [], ttlSeconds: 0 }
}

function dataOf<T extends RecordType>(type: T, data: unknown): RecordData[T] {
  switch (type) {
    case 'A':
      return data as RecordData[T]
    case 'AAAA':
      // One text an address: the source of a datagram is compared with it.
      return new SocketAddress({ address: data as string, family: 'ipv6' }).address as RecordData[T]
    case 'SRV': {
      const { priority = 0, weight = 0, port, target } = data as dnsPacket.SrvData
      return { priority, weight, port, target: plain(target) } as RecordData[T]
    }
    default: {
      const naptr = data as RecordData['NAPTR']
      return { ...naptr, replacement: plain(naptr.replacement) } as RecordData[T]
    }
  }
}

/** The root is an empty name. */
function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
