import type { CryptoAgreement, CryptoPolicy } from './crypto.ts'

/** A codec as data: negotiation knows none by name. */
export interface Codec<N extends string = string> {
  /** What it is called here. */
  name: N
  /** Its name in rtpmap where that is another; compared without case. */
  encoding?: string
  /** Of its RTP timestamps, and of the telephone-events beside it (RFC 4733 §2.1). */
  clockRate: number
  channels: number
  /** RFC 3551 §6. */
  staticPayloadType?: number
  /** What we say of it in fmtp. */
  parameters?: string
}

/** RFC 3551 §4.5.14. */
export const G711 = [
  { name: 'PCMU', clockRate: 8000, channels: 1, staticPayloadType: 0 },
  { name: 'PCMA', clockRate: 8000, channels: 1, staticPayloadType: 8 },
] as const satisfies readonly Codec[]

/**
 * What we can make and hear, cheapest first. G.722 states 8000 Hz for its 16 kHz of sound, by an old mistake that stays (RFC 3551
 * §4.5.2); Opus always states 48000 Hz and two channels (RFC 7587 §7).
 */
export const AUDIO_CODECS = [
  ...G711,
  { name: 'G722', clockRate: 8000, channels: 1, staticPayloadType: 9 },
  { name: 'opus', clockRate: 48_000, channels: 2, parameters: 'useinbandfec=1' },
  { name: 'L16/16000', encoding: 'L16', clockRate: 16_000, channels: 1 },
  { name: 'L16/8000', encoding: 'L16', clockRate: 8000, channels: 1 },
] as const satisfies readonly Codec[]

export type AudioCodecName = (typeof AUDIO_CODECS)[number]['name']

export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive'

export type Transport = 'rtp' | 'srtp' | 'dtls'

/** How one stream is encoded towards its receiver. Payload type numbers are the receiver's (RFC 3264 §5.1). */
export interface StreamFormat<N extends string = string> {
  codec: N
  payloadType: number
  ptimeMs: number
  /** RFC 4733, at the clock rate of the codec; absent when it was not negotiated. */
  telephoneEvent?: number
  /** What may come beside it, where the answer has named more than one codec (RFC 3264 §7). Only of what we receive. */
  also?: { codec: N; payloadType: number; telephoneEvent?: number }[]
}

/** What offer and answer have agreed on, from our side. */
export interface Agreement<N extends string = string, T extends Transport = Transport> {
  transport: T
  /** Where the far end listens, and its RTCP where it names a port for it (RFC 3605). 0.0.0.0 while it is held in the manner of RFC 2543. */
  remote: { address: string; port: number; controlPort?: number }
  send: StreamFormat<N>
  receive: StreamFormat<N>
  direction: Direction
  /** Of `srtp` only. */
  crypto?: CryptoAgreement
}

/** What we want of the media of a leg. */
export interface MediaPolicy<T extends Transport = Transport> {
  transport: T
  /** Names of the codecs that may be used, best first. Default: all, in their order. */
  codecs?: readonly string[]
  /** Whose order decides. Default `theirs`: what the far end likes best of what we allow (RFC 3264 §6.1). */
  preference?: 'ours' | 'theirs'
  /** Groups of names that outrank the rest, best group first; within a group, `preference` decides. */
  prefer?: readonly (readonly string[])[]
  /** What has been agreed on so far, from our side: an offer in the same session keeps its payload types. */
  agreed?: Pick<StreamFormat, 'codec' | 'payloadType' | 'telephoneEvent'> | undefined
  /** Whether to negotiate telephone-event. Default true. */
  telephoneEvent?: boolean
  /** Ms of sound in a packet that we want to receive, and send unless the far end asks for something else. Default 20. */
  ptimeMs?: number
  /** What `srtp` is protected with. */
  crypto?: CryptoPolicy
  /** Default sendrecv; `sendonly` or `inactive` to hold the far end. */
  direction?: Direction
}

const SENDS: ReadonlySet<Direction> = new Set<Direction>(['sendrecv', 'sendonly'])
const RECEIVES: ReadonlySet<Direction> = new Set<Direction>(['sendrecv', 'recvonly'])

/** The direction that is left of ours when the far end says theirs (RFC 3264 §6.1). */
export function meet(ours: Direction, theirs: Direction): Direction {
  const sends = SENDS.has(ours) && RECEIVES.has(theirs)
  const receives = RECEIVES.has(ours) && SENDS.has(theirs)
  if (sends) return receives ? 'sendrecv' : 'sendonly'
  return receives ? 'recvonly' : 'inactive'
}

/** A direction without its receiving half: that of a far end at 0.0.0.0 (RFC 3264 §8.4). */
export function deaf(direction: Direction): Direction {
  return SENDS.has(direction) ? 'sendonly' : 'inactive'
}
