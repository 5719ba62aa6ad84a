/** A text that is no session description (RFC 8866). To an offer the answer is 400, to an answer the end of the call. */
export class SdpParseError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SdpParseError'
  }
}

export type SdpAttribute = readonly [name: string, value?: string]

export interface SdpMedia {
  /** audio, video, image … */
  readonly type: string
  /** 0: refused or switched off. */
  readonly port: number
  /** RTP/AVP, UDP/TLS/RTP/SAVPF, udptl … as it came. */
  readonly protocol: string
  readonly formats: readonly string[]
  /** The address of its c= line; absent when the session's holds. */
  readonly connection?: string
  readonly attributes: readonly SdpAttribute[]
  /** Lines that nobody here reads (i=, b=, k=), as they came. */
  readonly others: readonly string[]
}

export interface SdpSession {
  /** The value of o=. */
  readonly origin: string
  /** The value of s=. */
  readonly name: string
  readonly connection?: string
  readonly attributes: readonly SdpAttribute[]
  /** Lines of the session that nobody here reads (t=, b=, k= …), as they came, in order. */
  readonly others: readonly string[]
  readonly media: readonly SdpMedia[]
}

/** What the head and each m-line have in common while they are read. */
interface Section {
  attributes: SdpAttribute[]
  others: string[]
  connection?: string
}

const MAX_LENGTH = 65_536
const MAX_MEDIA = 64

/**
 * Parses a session description. Line ends may be bare LF; unknown lines are kept, not judged.
 * @throws SdpParseError
 */
export function parseSdp(source: string | Uint8Array): SdpSession {
  const text = typeof source === 'string' ? source : Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString()
  if (text.length > MAX_LENGTH) throw new SdpParseError('Session description too long')
  const lines = text.split('\n')
  if (lines[0]?.trimEnd() !== 'v=0') throw new SdpParseError('Session description without v=0')
  const attributes: SdpAttribute[] = []
  const others: string[] = []
  const media: SdpMedia[] = []
  const head: Section = { attributes, others }
  let [origin, name] = ['', '-']
  let current = head
  for (const raw of lines.slice(1)) {
    const line = raw.trimEnd()
    if (line === '') continue
    if (line.charCodeAt(1) !== 61) throw new SdpParseError('Malformed line')
    const value = line.slice(2)
    switch (line[0]) {
      case 'm': {
        if (media.length === MAX_MEDIA) throw new SdpParseError('Too many m-lines')
        const made = parseMediaLine(value)
        media.push(made)
        current = made
        break
      }
      case 'a':
        current.attributes.push(parseAttribute(value))
        break
      case 'c':
        current.connection = parseConnection(value)
        break
      case 'o':
        origin = value
        break
      case 's':
        name = value
        break
      default:
        current.others.push(line)
    }
  }
  if (!origin) throw new SdpParseError('Session description without o=')
  return { ...head, origin, name, media }
}

function parseMediaLine(value: string): SdpMedia & { attributes: SdpAttribute[]; others: string[] } {
  const [type, port, protocol, ...formats] = value.split(' ').filter((part) => part !== '')
  const number = /^\d{1,5}(?:\/\d+)?$/.test(port ?? '') ? Number.parseInt(port!, 10) : -1
  if (!type || number < 0 || number > 65535 || !protocol) throw new SdpParseError('Malformed m-line')
  return { type, port: number, protocol, formats, attributes: [], others: [] }
}

function parseAttribute(value: string): SdpAttribute {
  const colon = value.indexOf(':')
  return colon < 0 ? [value] : [value.slice(0, colon), value.slice(colon + 1).trim()]
}

function parseConnection(value: string): string {
  const match = /^IN +IP[46] +([^\s/]+)/i.exec(value)
  if (!match) throw new SdpParseError('Malformed c-line')
  return match[1]!
}

/** `IN IP4 192.0.2.1` */
export function formatConnection(address: string): string {
  return `IN ${address.includes(':') ? 'IP6' : 'IP4'} ${address}`
}

/** Writes a session description; what {@link parseSdp} has read comes out the same, but for the order within a section. */
export function formatSdp(session: SdpSession): string {
  let text = `v=0\r\no=${session.origin}\r\ns=${session.name}\r\n`
  if (session.connection) text += `c=${formatConnection(session.connection)}\r\n`
  for (const line of session.others) text += `${line}\r\n`
  text += formatAttributes(session.attributes)
  for (const media of session.media) {
    text += `m=${[media.type, media.port, media.protocol, ...media.formats].join(' ')}\r\n`
    if (media.connection) text += `c=${formatConnection(media.connection)}\r\n`
    for (const line of media.others) text += `${line}\r\n`
    text += formatAttributes(media.attributes)
  }
  return text
}

function formatAttributes(attributes: readonly SdpAttribute[]): string {
  let text = ''
  for (const [name, value] of attributes) text += value === undefined ? `a=${name}\r\n` : `a=${name}:${value}\r\n`
  return text
}

/** The first value of an attribute; '' when it has none; undefined when it is absent. */
export function attributeOf(of: { readonly attributes: readonly SdpAttribute[] }, name: string): string | undefined {
  const found = of.attributes.find((attribute) => attribute[0] === name)
  return found && (found[1] ?? '')
}
