/** What the far end says and understands of SDP (RFC 4566): one audio stream of G.711 with telephone-event. */
export interface AudioDescription {
  address: string
  port: number
  /** Payload types in order of preference. */
  payloads: number[]
  /** Payload type of telephone-event/8000, where there is one. */
  telephoneEvent?: number
  direction: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive'
}

export function writeSdp(audio: AudioDescription, session: number): string {
  const connection = `IN ${audio.address.includes(':') ? 'IP6' : 'IP4'} ${audio.address}`
  const events = audio.telephoneEvent === undefined ? [] : [audio.telephoneEvent]
  return [
    'v=0',
    `o=- ${session} ${session} ${connection}`,
    's=-',
    `c=${connection}`,
    't=0 0',
    `m=audio ${audio.port} RTP/AVP ${[...audio.payloads, ...events].join(' ')}`,
    ...audio.payloads.map((payload) => `a=rtpmap:${payload} ${payload === 8 ? 'PCMA' : 'PCMU'}/8000`),
    ...events.flatMap((event) => [`a=rtpmap:${event} telephone-event/8000`, `a=fmtp:${event} 0-15`]),
    'a=ptime:20',
    `a=${audio.direction}`,
    '',
  ].join('\r\n')
}

/** Reads the first audio stream; null where there is none. */
export function readSdp(body: string): AudioDescription | null {
  const media = /^m=audio (\d+) RTP\/AVP ([\d ]+)/m.exec(body)
  if (!media) return null
  const address = /^c=IN IP[46] (\S+)/m.exec(body.slice(media.index))?.[1] ?? /^c=IN IP[46] (\S+)/m.exec(body)?.[1] ?? ''
  const event = /^a=rtpmap:(\d+) telephone-event\/8000/im.exec(body)?.[1]
  const direction = (/^a=(sendrecv|sendonly|recvonly|inactive)/m.exec(body)?.[1] ?? 'sendrecv') as AudioDescription['direction']
  const payloads = media[2]!.trim().split(/\s+/).map(Number)
  return {
    address,
    port: Number(media[1]),
    payloads: payloads.filter((payload) => payload === 0 || payload === 8),
    ...(event ? { telephoneEvent: Number(event) } : {}),
    direction,
  }
}
