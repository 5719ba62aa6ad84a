import { readFileSync } from 'node:fs'

/** A captured IPv4 packet. */
export interface Packet {
  /** Wall clock, ms with fractions, by the kernel. */
  at: number
  /** Whether it came in, went out, or was on its way through a bridge; from the cooked header. */
  way: 'in' | 'out' | 'other'
  /** Number of the interface within its namespace. */
  interface: number
  source: string
  destination: string
  protocol: number
  /** All after the IPv4 header. */
  body: Buffer
  /** Set for UDP and TCP that is not a later fragment. */
  ports: { source: number; destination: number } | null
  /** What UDP or TCP carries. */
  payload: Buffer
}

const LINUX_SLL = 113
const LINUX_SLL2 = 276
const UDP = 17
const TCP = 6

/**
 * Reads a file of tcpdump's, `-i any`: the old pcap format, in microseconds or nanoseconds, with cooked headers of version
 * 1 or 2. Whatever isn't IPv4 is left out.
 */
export function* readPcap(file: string): Generator<Packet> {
  const data = readFileSync(file)
  if (data.length < 24) return
  const magic = data.readUInt32LE(0)
  if (magic !== 0xa1b2c3d4 && magic !== 0xa1b23c4d) throw new Error(`${file} is not a pcap file of this machine's byte order`)
  const fraction = magic === 0xa1b23c4d ? 1e6 : 1e3
  const link = data.readUInt32LE(20)
  let at = 24
  while (at + 16 <= data.length) {
    const length = data.readUInt32LE(at + 8)
    const time = data.readUInt32LE(at) * 1000 + data.readUInt32LE(at + 4) / fraction
    const frame = data.subarray(at + 16, at + 16 + length)
    at += 16 + length
    if (frame.length < length) return
    const packet = readFrame(frame, link, time)
    if (packet) yield packet
  }
}

function readFrame(frame: Buffer, link: number, at: number): Packet | null {
  const second = link === LINUX_SLL2
  if (!second && link !== LINUX_SLL) throw new Error(`unknown link type ${link}`)
  if (frame.length < 20) return null
  const type = second ? frame.readUInt16BE(0) : frame.readUInt16BE(14)
  if (type !== 0x0800) return null
  const direction = second ? frame[10] : frame.readUInt16BE(0)
  const head = {
    at,
    way: direction === 4 ? ('out' as const) : direction === 0 ? ('in' as const) : ('other' as const),
    interface: second ? frame.readUInt32BE(4) : 0,
  }
  return readIp(frame.subarray(second ? 20 : 16), head)
}

function readIp(packet: Buffer, head: Pick<Packet, 'at' | 'way' | 'interface'>): Packet | null {
  if (packet.length < 20 || packet[0]! >> 4 !== 4) return null
  const headerLength = (packet[0]! & 0x0f) * 4
  const body = packet.subarray(headerLength, packet.readUInt16BE(2))
  const protocol = packet[9]!
  const first = (packet.readUInt16BE(6) & 0x1fff) === 0
  const hasPorts = first && (protocol === UDP || protocol === TCP) && body.length >= 8
  const skip = protocol === TCP ? ((body[12] ?? 0x50) >> 4) << 2 : 8
  return {
    ...head,
    source: packet.subarray(12, 16).join('.'),
    destination: packet.subarray(16, 20).join('.'),
    protocol,
    body,
    ports: hasPorts ? { source: body.readUInt16BE(0), destination: body.readUInt16BE(2) } : null,
    payload: hasPorts ? body.subarray(skip) : Buffer.alloc(0),
  }
}

/** An RTP packet's head, or null for what can't be one (RFC 3550 §5.1). */
export function readRtp(
  packet: Packet,
): { source: number; sequence: number; timestamp: number; type: number; body: Buffer } | null {
  const { payload, protocol } = packet
  if (protocol !== UDP || payload.length < 13 || payload[0]! >> 6 !== 2) return null
  const type = payload[1]! & 0x7f
  if (type >= 64 && type <= 95) return null
  return {
    source: payload.readUInt32BE(8),
    sequence: payload.readUInt16BE(2),
    timestamp: payload.readUInt32BE(4),
    type,
    body: payload.subarray(12 + 4 * (payload[0]! & 0x0f)),
  }
}
