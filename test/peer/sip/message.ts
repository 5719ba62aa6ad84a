/**
 * The far end's own SIP parser (RFC 3261 §7), written apart from the switch's on purpose: two parsers that share no code
 * don't share a misunderstanding.
 */
export interface Message {
  /** Set in a request. */
  method?: string
  uri?: string
  /** Set in a response. */
  status?: number
  reason?: string
  /** In the order in which they came, names as written. */
  headers: [name: string, value: string][]
  body: string
}

const COMPACT: Record<string, string> = {
  v: 'via',
  f: 'from',
  t: 'to',
  i: 'call-id',
  m: 'contact',
  l: 'content-length',
  c: 'content-type',
  k: 'supported',
  s: 'subject',
  e: 'content-encoding',
}

function canonical(name: string): string {
  const lower = name.trim().toLowerCase()
  return COMPACT[lower] ?? lower
}

/** Reads one datagram; null for what isn't SIP (keep-alives, junk). */
export function parseMessage(datagram: Buffer): Message | null {
  const text = datagram.toString('utf8')
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return null
  const lines = text
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
  const start = lines[0] ?? ''
  const headers = lines.slice(1).map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
  })
  const rest = { headers, body: text.slice(end + 4) }
  const response = /^SIP\/2\.0 (\d{3}) ?(.*)$/.exec(start)
  if (response) return { status: Number(response[1]), reason: response[2] ?? '', ...rest }
  const request = /^([A-Z]+) (\S+) SIP\/2\.0$/.exec(start)
  if (request) return { method: request[1]!, uri: request[2]!, ...rest }
  return null
}

export function formatMessage(message: Message): Buffer {
  const start =
    message.status === undefined ? `${message.method} ${message.uri} SIP/2.0` : `SIP/2.0 ${message.status} ${message.reason}`
  const body = Buffer.from(message.body)
  const lines = [start, ...message.headers.map(([name, value]) => `${name}: ${value}`), `Content-Length: ${body.length}`, '', '']
  return Buffer.concat([Buffer.from(lines.join('\r\n')), body])
}

/** All values of a header, one an occurrence. */
export function headersOf(message: Message, name: string): string[] {
  const wanted = canonical(name)
  return message.headers.filter(([n]) => canonical(n) === wanted).map(([, value]) => value)
}

/** The first value of a header, or an empty string. */
export function headerOf(message: Message, name: string): string {
  return headersOf(message, name)[0] ?? ''
}

/** The `tag` of a From or To value. */
export function tagOf(value: string): string {
  return /;\s*tag=([^;\s]+)/i.exec(value)?.[1] ?? ''
}

/** The URI inside a From, To or Contact value. */
export function uriOf(value: string): string {
  return /<([^>]+)>/.exec(value)?.[1] ?? value.split(';')[0]!.trim()
}

/** The user part of a SIP or tel URI, without parameters. */
export function userOf(uri: string): string {
  return /^(?:sips?:(?:([^@;]*?)(?:;[^@]*)?@)|tel:([^;]+))/i.exec(uri)?.slice(1).find(Boolean) ?? ''
}

/** Host and port of a SIP URI, port 5060 by default. */
export function hostOf(uri: string): { address: string; port: number } {
  const match = /^sips?:(?:[^@]*@)?(?:\[([^\]]+)\]|([^:;>?[]+))(?::(\d+))?/i.exec(uri)
  return { address: match?.[1] ?? match?.[2] ?? '', port: Number(match?.[3] ?? 5060) }
}

/** An address as it stands in a URI or Via: of IPv6 in brackets (RFC 3261 §25.1). */
export function hostText(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

export function cseqOf(message: Message): { number: number; method: string } {
  const [number, method] = headerOf(message, 'cseq').split(/\s+/)
  return { number: Number(number), method: method ?? '' }
}
