import { headerOf, type Message, parseMessage, tagOf, uriOf, userOf } from '../peer/sip/message.ts'
import { type Packet, readPcap, readRtp } from './pcap.ts'

/** Between two packets of a stream that does not pause. */
const FRAME_MS = 20

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

export interface Setup {
  /** When its INVITE came in: wall clock, ms. */
  at: number
  /** Ms to the first INVITE that went out for it. */
  ms: number
}

/**
 * From each INVITE that came in on the trunk to the first that went out for it, by the kernel's clock. The two are matched by
 * the caller's number, before the same caller calls again; `outside` are captures of the platform's other namespaces.
 */
export function inviteSetups(node: string, outside: string[], nodeAddress: string): Setup[] {
  const atNode = readSip(node).filter(isInvite)
  const sent = [
    ...atNode.filter((s) => s.source === nodeAddress),
    ...outside.flatMap(readSip).filter((s) => isInvite(s) && s.way === 'out'),
  ].sort((a, b) => a.at - b.at)
  const received = new Map<string, SipSeen>()
  for (const seen of atNode) if (seen.destination === nodeAddress && !received.has(seen.callId)) received.set(seen.callId, seen)
  const invites = [...received.values()]
  return invites.flatMap(({ at, from, callId }) => {
    const again =
      invites.find((other) => other.from === from && other.at > at && other.callId !== callId)?.at ?? Number.POSITIVE_INFINITY
    const out = sent.find((s) => s.from === from && s.at >= at && s.at < again)
    return out ? [{ at, ms: out.at - at }] : []
  })
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

interface Sent {
  at: number
  /** The longest pause that its sender had made before it, since the packet before. */
  pause: number
}

export interface Pauses {
  /** Streams that were followed. */
  streams: number
  /** The longest time without a packet at the receiver, ms. */
  heard: number
  /** The longest time without a packet at the sender, ms. */
  sent: number
  /** The longest time without a packet at the receiver for which the sender was not to blame, ms. */
  added: number
}

/**
 * The longest pause of any RTP stream between two wall-clock times, from the sender's capture to the receiver's. Packets are
 * matched by what they carry, so that a pause which the sender itself has made is told from one that the way has added.
 */
export function longestPauses(sender: string, receiver: string, from: number, to: number): Pauses {
  const sent = new Map<string, Sent & { stream: string; index: number }>()
  const bySource = new Map<string, Sent[]>()
  for (const packet of readPcap(sender)) {
    const rtp = packet.way === 'out' ? readRtp(packet) : null
    if (!rtp) continue
    const stream = String(rtp.source)
    const list = bySource.get(stream) ?? []
    bySource.set(stream, list)
    const entry = { at: packet.at, pause: list.length ? packet.at - list.at(-1)!.at : 0 }
    sent.set(rtp.body.toString('base64'), { ...entry, stream, index: list.length })
    list.push(entry)
  }
  const pauses: Pauses = { streams: 0, heard: 0, sent: 0, added: 0 }
  const last = new Map<string, { at: number; index: number }>()
  for (const packet of readPcap(receiver)) {
    const rtp = packet.way === 'in' ? readRtp(packet) : null
    const match = rtp ? sent.get(rtp.body.toString('base64')) : undefined
    if (!match || packet.at < from || packet.at > to) continue
    const before = last.get(match.stream)
    last.set(match.stream, { at: packet.at, index: match.index })
    if (!before) continue
    const heard = packet.at - before.at
    const between = bySource.get(match.stream)!.slice(before.index + 1, match.index + 1)
    const own = Math.max(0, ...between.map(({ pause }) => pause))
    pauses.heard = Math.max(pauses.heard, heard)
    pauses.sent = Math.max(pauses.sent, own)
    pauses.added = Math.max(pauses.added, heard - Math.max(0, own - FRAME_MS))
  }
  pauses.streams = last.size
  return pauses
}

/** The value below which the share `p` (0..1) of the values is; 0 when there are none. */
export function percentile(values: number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? 0
}
