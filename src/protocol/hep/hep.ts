import { isIPv4, isIPv6 } from 'node:net'

/** What a packet holds: a SIP message, an RTCP report as JSON, or a line of a log. */
export const HEP_PROTOCOL = { sip: 1, rtcp: 5, log: 100 } as const

/** What was captured, and where it went. */
export interface HepPacket {
  protocol: (typeof HEP_PROTOCOL)[keyof typeof HEP_PROTOCOL]
  source: { address: string; port: number }
  destination: { address: string; port: number }
  /** IANA's number of the transport below: 17 for UDP, 6 for TCP. */
  ipProtocol: number
  /** Wall-clock ms since the epoch. */
  wall: number
  captureId: number
  /** What messages of one call share, whatever their Call-IDs. */
  correlationId: string
  payload: Uint8Array
}

/** Chunk types of the generic vendor (0), from the HEP3 specification, rev. 36, table 1. */
const CHUNK = {
  family: 1,
  ipProtocol: 2,
  sourceV4: 3,
  destinationV4: 4,
  sourceV6: 5,
  destinationV6: 6,
  sourcePort: 7,
  destinationPort: 8,
  seconds: 9,
  microseconds: 10,
  protocol: 11,
  captureId: 12,
  payload: 15,
  correlationId: 17,
} as const

const AF_INET = 2
const AF_INET6 = 10

/** The largest payload that one UDP datagram takes beside the other chunks. */
const PAYLOAD_BYTES = 65_000

/** Writes one HEP3 packet (EEP/HEPv3 of sipcapture.org). A payload above 65,000 bytes is cut. */
export function encodeHep({ source, destination, ...packet }: HepPacket): Buffer {
  const v4 = isIPv4(source.address) && isIPv4(destination.address)
  const chunks = [
    chunk(CHUNK.family, byte(v4 ? AF_INET : AF_INET6)),
    chunk(CHUNK.ipProtocol, byte(packet.ipProtocol)),
    chunk(v4 ? CHUNK.sourceV4 : CHUNK.sourceV6, addressBytes(source.address, v4)),
    chunk(v4 ? CHUNK.destinationV4 : CHUNK.destinationV6, addressBytes(destination.address, v4)),
    chunk(CHUNK.sourcePort, word(source.port)),
    chunk(CHUNK.destinationPort, word(destination.port)),
    chunk(CHUNK.seconds, long(Math.floor(packet.wall / 1000))),
    chunk(CHUNK.microseconds, long(Math.floor((packet.wall % 1000) * 1000))),
    chunk(CHUNK.protocol, byte(packet.protocol)),
    chunk(CHUNK.captureId, long(packet.captureId)),
    chunk(CHUNK.correlationId, Buffer.from(packet.correlationId)),
    chunk(CHUNK.payload, packet.payload.subarray(0, PAYLOAD_BYTES)),
  ]
  const length = chunks.reduce((sum, { length }) => sum + length, 6)
  return Buffer.concat([Buffer.from('HEP3'), word(length), ...chunks], length)
}

function chunk(type: number, value: Uint8Array): Buffer {
  return Buffer.concat([word(0), word(type), word(6 + value.length), value])
}

function byte(value: number): Buffer {
  return Buffer.from([value])
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function addressBytes(address: string, v4: boolean): Buffer {
  if (v4) return Buffer.from(address.split('.').map(Number))
  const bytes = Buffer.alloc(16)
  if (isIPv4(address)) {
    // Mapped (RFC 4291 §2.5.5.2), where only one of the two is of version 4.
    bytes.writeUInt16BE(0xffff, 10)
    addressBytes(address, true).copy(bytes, 12)
  } else if (isIPv6(address)) {
    const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
    groups(head).forEach((group, i) => void bytes.writeUInt16BE(group, 2 * i))
    const last = tail === undefined ? [] : groups(tail)
    last.forEach((group, i) => void bytes.writeUInt16BE(group, 16 - 2 * (last.length - i)))
  }
  return bytes
}

/** The 16-bit groups of one side of `::`, a dotted tail included. */
function groups(text: string): number[] {
  if (!text) return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [(a << 8) | b, (c << 8) | d]
  })
}
