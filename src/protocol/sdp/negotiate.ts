import { isIP } from 'node:net'
import { chooseCrypto, offeredCrypto } from './crypto.ts'
import { formatConnection, formatSdp, parseSdp, type SdpAttribute, type SdpMedia, type SdpSession } from './description.ts'
import { type Agreement, type Codec, type Direction, type MediaPolicy, meet, type StreamFormat, type Transport } from './media.ts'
import {
  carriesAudio,
  encodingOf,
  eventOf,
  isCodec,
  type Payload,
  payloadsOf,
  profileOf,
  ptimeOf,
  remoteOf,
  statedDirection,
} from './payloads.ts'

const DEFAULT_PTIME_MS = 20
const EVENT_PAYLOAD_TYPE = 101
const FIRST_DYNAMIC = 96

/** Our end of the media, and the session that our o= line names. */
export interface LocalMedia {
  address: string
  port: number
  /** Decimal digits; the same for all descriptions of a leg (RFC 3264 §8). */
  sessionId: string
  /** One more at each change (RFC 3264 §8). */
  version: number
}

/** Agreed, and which m-line of the offer it is about; or not, and the status that says so. */
export type Negotiation<N extends string = string, T extends Transport = Transport> =
  | { agreed: true; agreement: Agreement<N, T>; mediaIndex: number }
  | { agreed: false; status: 400 | 488; why: string }

/** The codecs that a policy allows, in its order. */
function allowed<N extends string>(policy: MediaPolicy, codecs: readonly Codec<N>[]): Codec<N>[] {
  if (!policy.codecs) return [...codecs]
  return policy.codecs.flatMap((name) => codecs.find((codec) => codec.name.toLowerCase() === name.toLowerCase()) ?? [])
}

function sessionOf(local: LocalMedia, media: readonly SdpMedia[]): SdpSession {
  const connection = local.address
  const origin = `- ${local.sessionId} ${local.version} ${formatConnection(connection)}`
  return { origin, name: '-', connection, attributes: [], others: ['t=0 0'], media }
}

/** The attributes of a format list, with telephone-event behind its codecs. */
function attributesOf(payloads: readonly Payload[], ptimeMs: number, direction: Direction): SdpAttribute[] {
  const attributes: SdpAttribute[] = []
  for (const p of payloads) {
    attributes.push(['rtpmap', `${p.payloadType} ${p.name}/${p.clockRate}${p.channels > 1 ? `/${p.channels}` : ''}`])
    if (p.parameters) attributes.push(['fmtp', `${p.payloadType} ${p.parameters}`])
  }
  attributes.push(['ptime', String(ptimeMs)], [direction])
  return attributes
}

/** Writes an offer of one audio stream with all codecs that the policy allows (RFC 3264 §5). */
export function createOffer(local: LocalMedia, policy: MediaPolicy, codecs: readonly Codec[]): string {
  const payloads = offeredPayloads(policy, codecs)
  const media: SdpMedia = {
    type: 'audio',
    port: local.port,
    protocol: profileOf(policy.transport),
    formats: payloads.map((p) => String(p.payloadType)),
    attributes: [
      ...attributesOf(payloads, policy.ptimeMs ?? DEFAULT_PTIME_MS, policy.direction ?? 'sendrecv'),
      ...(policy.crypto ? offeredCrypto(policy.crypto) : []),
    ],
    others: [],
  }
  return formatSdp(sessionOf(local, [media]))
}

/**
 * All codecs of the policy, and telephone-event at each of their clock rates (PITFALLS S50). Numbers are the same whatever the
 * policy, and those that were agreed on stay: in a session no number may come to mean something else (RFC 3264 §8.3.2).
 */
function offeredPayloads(policy: MediaPolicy, codecs: readonly Codec[]): Payload[] {
  const offered = allowed(policy, codecs)
  if (offered.length === 0) throw new Error('an offer needs a codec')
  const { agreed } = policy
  const kept = codecs.find(({ name }) => name === agreed?.codec)
  const taken = new Set([agreed?.payloadType, agreed?.telephoneEvent])
  const rates = [...new Set(codecs.map(({ clockRate }) => clockRate))]
  for (let i = 0; i < rates.length; i++) taken.add(EVENT_PAYLOAD_TYPE + i)
  let dynamic = FIRST_DYNAMIC
  const next = () => {
    while (taken.has(dynamic)) dynamic++
    return dynamic++
  }
  const numbers = new Map(codecs.map((codec) => [codec, codec.staticPayloadType ?? next()]))
  if (kept && agreed) numbers.set(kept, agreed.payloadType)
  const payloads = offered.map((codec) => payloadOf(codec, numbers.get(codec)!))
  if (policy.telephoneEvent === false) return payloads
  for (const clockRate of new Set(offered.map((codec) => codec.clockRate))) {
    const own = clockRate === kept?.clockRate ? agreed?.telephoneEvent : undefined
    const usual = EVENT_PAYLOAD_TYPE + rates.indexOf(clockRate)
    const used =
      payloads.some(({ payloadType }) => payloadType === usual) || (own === undefined && agreed?.telephoneEvent === usual)
    payloads.push(eventPayload(own ?? (used ? next() : usual), clockRate))
  }
  return payloads
}

function payloadOf(codec: Codec, payloadType: number): Payload {
  const { clockRate, channels, parameters } = codec
  return { payloadType, name: encodingOf(codec), clockRate, channels, parameters }
}

function eventPayload(payloadType: number, clockRate: number): Payload {
  return { payloadType, name: 'telephone-event', clockRate, channels: 1, parameters: '0-16' }
}

/** Where somebody says that it listens, by the first audio stream of its description; null where it says nothing of that. */
export function connectionOf(description: SdpSession | string | Uint8Array): string | null {
  const session = read(description)
  const audio = session?.media.find(({ type, port }) => type === 'audio' && port !== 0)
  return session && audio ? remoteOf(session, audio).address : null
}

/**
 * What we make of an offer (RFC 3264 §6): pure. Takes the first audio stream that the policy's transport carries and that has
 * a codec in common. Never throws for what the far end has written.
 */
export function negotiate<N extends string, T extends Transport>(
  offer: SdpSession | string | Uint8Array,
  policy: MediaPolicy<T>,
  codecs: readonly Codec<N>[],
): Negotiation<N, T> {
  const session = read(offer)
  if (!session) return { agreed: false, status: 400, why: 'malformed offer' }
  let why = 'no audio stream that we can carry'
  for (const [mediaIndex, media] of session.media.entries()) {
    if (!carriesAudio(media, policy.transport)) continue
    const remote = remoteOf(session, media)
    if (isIP(remote.address) === 0) {
      why = 'connection address is none'
      continue
    }
    const payloads = payloadsOf(media, codecs)
    const chosen = choose(payloads, policy, codecs)
    if (!chosen) {
      why = 'no codec in common'
      continue
    }
    // §6.1: the answer may keep the payload types of the offer, so both directions use the offerer's numbers.
    const event = policy.telephoneEvent === false ? undefined : eventOf(payloads, chosen.codec.clockRate)
    const crypto = policy.transport === 'srtp' && policy.crypto ? chooseCrypto(media, policy.crypto) : null
    if (policy.transport === 'srtp' && !crypto) {
      why = 'no key that can be used'
      continue
    }
    const { codec, payloadType } = chosen
    const ours = policy.ptimeMs ?? DEFAULT_PTIME_MS
    const direction = meet(policy.direction ?? 'sendrecv', statedDirection(session, media))
    const send = format(codec.name, payloadType, ptimeOf(media, ours), event)
    const receive = format(codec.name, payloadType, ours, event)
    const agreement = { transport: policy.transport, remote, send, receive, direction, ...(crypto ? { crypto } : {}) }
    return { agreed: true, agreement, mediaIndex }
  }
  return { agreed: false, status: 488, why }
}

function choose<N extends string>(
  payloads: readonly Payload[],
  policy: MediaPolicy,
  codecs: readonly Codec<N>[],
): { codec: Codec<N>; payloadType: number } | null {
  const ours = allowed(policy, codecs)
  const pairs = payloads.flatMap((payload) => {
    const codec = ours.find((candidate) => isCodec(payload, candidate))
    return codec ? [{ codec, payloadType: payload.payloadType }] : []
  })
  if (policy.preference === 'ours') pairs.sort((a, b) => ours.indexOf(a.codec) - ours.indexOf(b.codec))
  for (const group of (policy.prefer ?? []).toReversed()) {
    pairs.sort((a, b) => Number(group.includes(b.codec.name)) - Number(group.includes(a.codec.name)))
  }
  return pairs[0] ?? null
}

function format<N extends string>(codec: N, payloadType: number, ptimeMs: number, event: number | undefined): StreamFormat<N> {
  return { codec, payloadType, ptimeMs, ...(event !== undefined && { telephoneEvent: event }) }
}

/** The codecs that an offer lists in a stream which this transport carries, in its order; none where it is no offer. */
export function codecsOf<N extends string>(
  offer: SdpSession | string | Uint8Array,
  transports: readonly Transport[],
  codecs: readonly Codec<N>[],
): N[] {
  const media = read(offer)?.media.find((line) => transports.some((transport) => carriesAudio(line, transport)))
  const payloads = media ? payloadsOf(media, codecs) : []
  return payloads.flatMap((payload) => codecs.find((codec) => isCodec(payload, codec))?.name ?? [])
}

/** Writes the answer to an offer that was agreed on: as many m-lines as the offer, all but one with port 0 (RFC 3264 §6). */
export function createAnswer(
  offer: SdpSession | string | Uint8Array,
  negotiation: Negotiation & { agreed: true },
  local: LocalMedia,
  codecs: readonly Codec[],
): string {
  const { agreement, mediaIndex } = negotiation
  const session = typeof offer === 'string' || offer instanceof Uint8Array ? parseSdp(offer) : offer
  const { receive, direction, crypto } = agreement
  const codec = codecs.find((candidate) => candidate.name === receive.codec) ?? {
    name: receive.codec,
    clockRate: 8000,
    channels: 1,
  }
  const payloads = [payloadOf(codec, receive.payloadType)]
  if (receive.telephoneEvent !== undefined) payloads.push(eventPayload(receive.telephoneEvent, codec.clockRate))
  const media = session.media.map(({ type, protocol, formats }, i): SdpMedia => {
    if (i !== mediaIndex) return { type, port: 0, protocol, formats: formats.slice(0, 1), attributes: [], others: [] }
    const numbers = payloads.map((p) => String(p.payloadType))
    const attributes = attributesOf(payloads, receive.ptimeMs, direction)
    if (crypto) attributes.push(['crypto', `${crypto.tag} ${crypto.suite} inline:${crypto.send}`])
    return { type, port: local.port, protocol, formats: numbers, attributes, others: [] }
  })
  return formatSdp(sessionOf(local, media))
}

/**
 * What an answer to our offer means (RFC 3264 §7): pure. We send with the answerer's payload types and receive with those that
 * we offered, which may differ (RFC 3264 §5.1, PITFALLS S50). The first codec of several is what we send; all of them may come. A codec that we had not offered counts as none (S53).
 */
export function readAnswer<N extends string, T extends Transport>(
  offer: SdpSession | string | Uint8Array,
  answer: SdpSession | string | Uint8Array,
  policy: MediaPolicy<T>,
  codecs: readonly Codec<N>[],
): Negotiation<N, T> {
  const [ours, theirs] = [read(offer), read(answer)]
  if (!ours || !theirs) return { agreed: false, status: 400, why: 'malformed answer' }
  const mediaIndex = ours.media.findIndex((media) => carriesAudio(media, policy.transport))
  const [asked, got] = [ours.media[mediaIndex], theirs.media[mediaIndex]]
  if (!asked || !got || !carriesAudio(got, policy.transport)) return { agreed: false, status: 488, why: 'audio was refused' }
  const remote = remoteOf(theirs, got)
  if (isIP(remote.address) === 0) return { agreed: false, status: 488, why: 'connection address is none' }
  const crypto = policy.transport === 'srtp' && policy.crypto ? chooseCrypto(got, policy.crypto) : null
  if (policy.transport === 'srtp' && !crypto) return { agreed: false, status: 488, why: 'no key that can be used' }
  const [offered, answered] = [payloadsOf(asked, codecs), payloadsOf(got, codecs)]
  for (const payload of answered) {
    const codec = codecs.find((candidate) => isCodec(payload, candidate))
    const own = codec && offered.find((candidate) => isCodec(candidate, codec))
    if (!codec || !own) continue
    const events = [eventOf(answered, codec.clockRate), eventOf(offered, codec.clockRate)] as const
    const both = events[0] !== undefined && events[1] !== undefined
    const receivePtime = policy.ptimeMs ?? DEFAULT_PTIME_MS
    const send = format(codec.name, payload.payloadType, ptimeOf(got, receivePtime), both ? events[0] : undefined)
    const also = answered.flatMap((other) => {
      const another = other === payload ? undefined : codecs.find((candidate) => isCodec(other, candidate))
      const ours = another && offered.find((candidate) => isCodec(candidate, another))
      if (!another || !ours) return []
      const keys = eventOf(answered, another.clockRate) === undefined ? undefined : eventOf(offered, another.clockRate)
      return [{ codec: another.name, payloadType: ours.payloadType, ...(keys === undefined ? {} : { telephoneEvent: keys }) }]
    })
    const receive = {
      ...format(codec.name, own.payloadType, receivePtime, both ? events[1] : undefined),
      ...(also.length > 0 ? { also } : {}),
    }
    // What the answerer says is from its side, and already within what we have offered.
    const direction = meet(statedDirection(ours, asked), statedDirection(theirs, got))
    const agreement = { transport: policy.transport, remote, send, receive, direction, ...(crypto ? { crypto } : {}) }
    return { agreed: true, agreement, mediaIndex }
  }
  return { agreed: false, status: 488, why: 'no codec of our offer' }
}

function read(source: SdpSession | string | Uint8Array): SdpSession | null {
  if (typeof source !== 'string' && !(source instanceof Uint8Array)) return source
  try {
    return parseSdp(source)
  } catch {
    return null
  }
}
