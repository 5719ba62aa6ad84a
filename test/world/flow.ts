import { headerOf, type Message, parseMessage, tagOf, uriOf, userOf } from '../peer/sip/message.ts'
import { type Packet, readPcap, readRtp } from './pcap.ts'

/** A SIP message as a capture saw it. */
export interface SipSeen {
  at: number
  way: Packet['way']
  source: string
  destination: string
  message: Message
  /** User part of From: the caller's number. */
  from: string
  /** User part of To. */
  to: string
  callId: string
}

/** All SIP messages over UDP in a capture, in order. */
export function readSip(file: string): SipSeen[] {
  const found: SipSeen[] = []
  for (const packet of readPcap(file)) {
    if (packet.protocol !== 17 || packet.payload.length < 100 || packet.payload[0]! < 0x41) continue
    const message = parseMessage(packet.payload)
    if (!message) continue
    found.push({
      at: packet.at,
      way: packet.way,
      source: packet.source,
      destination: packet.destination,
      message,
      from: userOf(uriOf(headerOf(message, 'from'))),
      to: userOf(uriOf(headerOf(message, 'to'))),
      callId: headerOf(message, 'call-id'),
    })
  }
  return found
}

/** Whether it is an INVITE outside a dialog. */
export function isInvite(seen: SipSeen): boolean {
  return seen.message.method === 'INVITE' && !tagOf(headerOf(seen.message, 'to'))
}

/**
 * Ms from each INVITE that came in on the trunk to the first that went out for it, by the kernel's clock. The two are
 * matched by the caller's number, so it serves where each call has its own; `outside` are captures of the platform's other
 * namespaces.
 */
export function inviteLatencies(node: string, outside: string[], nodeAddress: string): number[] {
  const atNode = readSip(node).filter(isInvite)
  const sent = [
    ...atNode.filter((s) => s.source === nodeAddress),
    ...outside.flatMap(readSip).filter((s) => isInvite(s) && s.way === 'out'),
  ]
  sent.sort((a, b) => a.at - b.at)
  const latencies: number[] = []
  const seen = new Set<string>()
  for (const invite of atNode.filter((s) => s.destination === nodeAddress)) {
    if (seen.has(invite.callId)) continue
    seen.add(invite.callId)
    const out = sent.find((s) => s.from === invite.from && s.at >= invite.at)
    if (out) latencies.push(out.at - invite.at)
  }
  return latencies
}

/** Ms that audio took from one capture to another: packets matched by what they carry, which the far ends make unique. */
export function audioDelays(sender: string, receiver: string): number[] {
  const sentAt = new Map<string, number>()
  for (const packet of readPcap(sender)) {
    const rtp = packet.way === 'out' ? readRtp(packet) : null
    if (rtp && rtp.body.length === 160) sentAt.set(rtp.body.toString('base64'), packet.at)
  }
  const delays: number[] = []
  for (const packet of readPcap(receiver)) {
    const rtp = packet.way === 'in' ? readRtp(packet) : null
    const at = rtp ? sentAt.get(rtp.body.toString('base64')) : undefined
    if (at !== undefined) delays.push(packet.at - at)
  }
  return delays
}

export interface Gap {
  /** Where the stream goes. */
  stream: string
  /** The longest time without a packet, ms. */
  ms: number
  /** When it began: wall clock, ms. */
  at: number
}

/** The longest pause of each RTP stream of a capture that has at least `packets` packets between two wall-clock times. */
export function largestGaps(file: string, way: 'in' | 'out', from: number, to: number, packets: number): Gap[] {
  const streams = new Map<string, { last: number; gap: number; gapAt: number; count: number }>()
  for (const packet of readPcap(file)) {
    if (packet.way !== way || packet.at < from || packet.at > to || !readRtp(packet)) continue
    const end = way === 'in' ? packet.destination : packet.source
    const port = way === 'in' ? packet.ports?.destination : packet.ports?.source
    const key = `${end}:${port}`
    const stream = streams.get(key)
    if (!stream) streams.set(key, { last: packet.at, gap: 0, gapAt: packet.at, count: 1 })
    else {
      if (packet.at - stream.last > stream.gap) {
        stream.gap = packet.at - stream.last
        stream.gapAt = stream.last
      }
      stream.last = packet.at
      stream.count++
    }
  }
  return [...streams].filter(([, s]) => s.count >= packets).map(([stream, s]) => ({ stream, ms: s.gap, at: s.gapAt }))
}

/** The value below which the share `p` (0..1) of the values is; 0 when there are none. */
export function percentile(values: number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? 0
}
