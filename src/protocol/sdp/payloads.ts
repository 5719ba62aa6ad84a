import { attributeOf, type SdpMedia, type SdpSession } from './description.ts'
import { type Codec, type Direction, deaf, type Transport } from './media.ts'

/** A payload type of an m-line and what it stands for. */
export interface Payload {
  payloadType: number
  /** As in rtpmap; lower case where it was read. */
  name: string
  clockRate: number
  channels: number
  /** What is said of it in fmtp, by us. */
  parameters?: string | undefined
}

const PROFILES: Readonly<Record<Transport, readonly string[]>> = {
  rtp: ['RTP/AVP', 'RTP/AVPF'],
  srtp: ['RTP/SAVP', 'RTP/SAVPF'],
  dtls: ['UDP/TLS/RTP/SAVP', 'UDP/TLS/RTP/SAVPF'],
}

/** Whether an m-line carries sound in this way. Under RTP/AVP, crypto and ICE attributes mean nothing to us. */
export function carriesAudio(media: SdpMedia, transport: Transport): boolean {
  return media.type === 'audio' && media.port !== 0 && PROFILES[transport].includes(media.protocol.toUpperCase())
}

export function profileOf(transport: Transport): string {
  return PROFILES[transport][0]!
}

/** The payload types of an m-line, in its order. Static ones need no rtpmap (RFC 3551 §6); what is unknown is left out. */
export function payloadsOf(media: SdpMedia, codecs: readonly Codec[]): Payload[] {
  const mapped = new Map<number, Payload>()
  for (const [name, value] of media.attributes) {
    const match = name === 'rtpmap' && value ? /^(\d{1,3})\s+([^\s/]+)\/(\d{1,6})(?:\/(\d{1,2}))?/.exec(value) : null
    if (!match) continue
    const payloadType = Number(match[1])
    const channels = Number(match[4] ?? 1)
    mapped.set(payloadType, { payloadType, name: match[2]!.toLowerCase(), clockRate: Number(match[3]), channels })
  }
  const payloads: Payload[] = []
  for (const format of media.formats) {
    if (!/^\d{1,3}$/.test(format)) continue
    const payloadType = Number(format)
    const known = mapped.get(payloadType)
    if (known) payloads.push(known)
    else {
      const codec = codecs.find((c) => c.staticPayloadType === payloadType)
      if (codec) {
        const { clockRate, channels } = codec
        payloads.push({ payloadType, name: encodingOf(codec).toLowerCase(), clockRate, channels })
      }
    }
  }
  return payloads
}

/** Its name in rtpmap. */
export function encodingOf({ name, encoding = name }: Codec): string {
  return encoding
}

export function isCodec(payload: Payload, codec: Codec): boolean {
  return (
    payload.name === encodingOf(codec).toLowerCase() &&
    payload.clockRate === codec.clockRate &&
    payload.channels === codec.channels
  )
}

/** The telephone-event payload type of this clock rate (RFC 4733 §2.1); offers may list several. */
export function eventOf(payloads: readonly Payload[], clockRate: number): number | undefined {
  return payloads.find((p) => p.name === 'telephone-event' && p.clockRate === clockRate)?.payloadType
}

/** The direction that the far end states for an m-line, from its own side; the session's counts where the m-line's is absent. */
export function statedDirection(session: SdpSession, media: SdpMedia): Direction {
  const stated = (from: { attributes: SdpMedia['attributes'] }) =>
    (['sendrecv', 'sendonly', 'recvonly', 'inactive'] as const).find((direction) => attributeOf(from, direction) !== undefined)
  const direction = stated(media) ?? stated(session) ?? 'sendrecv'
  return isNowhere(addressOf(session, media)) ? deaf(direction) : direction
}

export function addressOf(session: SdpSession, media: SdpMedia): string {
  return media.connection ?? session.connection ?? ''
}

/** Where the far end of an m-line listens; its RTCP where it names another port for it (RFC 3605). */
export function remoteOf(session: SdpSession, media: SdpMedia): { address: string; port: number; controlPort?: number } {
  const controlPort = Number.parseInt(attributeOf(media, 'rtcp') ?? '', 10)
  const own = controlPort > 0 && controlPort < 65_536 && controlPort !== media.port + 1
  return { address: addressOf(session, media), port: media.port, ...(own ? { controlPort } : {}) }
}

function isNowhere(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

/**
 * Ms of sound in the packets that the far end wants: its ptime, or else ours, under its maxptime. In whole frames of 10 ms
 * between 10 and 120, as nobody means anything else.
 */
export function ptimeOf(media: SdpMedia, ours: number): number {
  const read = (name: string) => {
    const value = Number.parseInt(attributeOf(media, name) ?? '', 10)
    return value > 0 ? value : undefined
  }
  const wanted = Math.min(read('ptime') ?? ours, read('maxptime') ?? 120, 120)
  return Math.max(10, Math.floor(wanted / 10) * 10)
}
