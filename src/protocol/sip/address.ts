import { type Params, parseParams } from './params.ts'
import { SipParseError } from './parse-error.ts'
import { endOfQuoted, isToken, quote, skipBlanks, unfitForUri, unquote } from './text.ts'
import { formatUri, parseHostPort, parseUri, type SipUri, type UriParts } from './uri.ts'

/** The value of From, To, Contact, Route, P-Asserted-Identity … (RFC 3261 §20.10). */
export class NameAddr {
  /** Unquoted and unescaped; '' when there is none. */
  readonly displayName: string
  /** The URI as it came, without brackets. */
  readonly address: string
  /** As text until they are asked for, where that is known to be without a fault. */
  #params: Params | string
  #uri: SipUri | undefined

  constructor(displayName: string, address: string, params: Params | string, uri?: SipUri) {
    this.displayName = displayName
    this.address = address
    this.#params = params
    this.#uri = uri
  }

  get params(): Params {
    if (typeof this.#params === 'string') this.#params = parseParams(this.#params, 0)
    return this.#params
  }

  /** @throws SipParseError 400 or 416; never for the From, To and Contact of a message that the user agent let through. */
  get uri(): SipUri {
    this.#uri ??= parseUri(this.address)
    return this.#uri
  }

  get tag(): string | undefined {
    return this.params.get('tag')
  }
}

/**
 * Parses one name-addr or addr-spec with its parameters.
 * @throws SipParseError 400
 */
export function parseNameAddr(text: string): NameAddr {
  let i = skipBlanks(text, 0)
  let displayName = ''
  if (text.charCodeAt(i) === 34) {
    const end = endOfQuoted(text, i)
    displayName = unquote(text.slice(i, end))
    i = skipBlanks(text, end)
    if (text.charCodeAt(i) !== 60) throw new SipParseError(400, 'Malformed address')
  }
  const open = text.indexOf('<', i)
  if (open < 0) {
    const semicolon = text.indexOf(';', i)
    const address = text.slice(i, semicolon < 0 ? text.length : semicolon).trim()
    // §20.10: a URI with a comma, question mark or semicolon must be in brackets.
    if (!address || /[,?]/.test(address) || unfitForUri(address)) throw new SipParseError(400, 'Malformed address')
    return new NameAddr('', address, parseParams(text, semicolon < 0 ? text.length : semicolon))
  }
  if (!displayName) displayName = text.slice(i, open).trim()
  const close = text.indexOf('>', open)
  if (close < 0) throw new SipParseError(400, 'Malformed address')
  const address = text.slice(open + 1, close).trim()
  if (!address || unfitForUri(address)) throw new SipParseError(400, 'Malformed address')
  return new NameAddr(displayName, address, parseParams(text, close + 1))
}

/**
 * Writes a name-addr without tag: quotes the display name where it is not plain tokens, escapes the URI (PITFALLS S56, F09).
 * `uri` is either parts, or a text that is already a URI.
 * @throws SipParseError 400 when the URI cannot be one.
 */
export function formatNameAddr(address: { displayName?: string | undefined; uri: UriParts | string }): string {
  const uri = typeof address.uri === 'string' ? address.uri : formatUri(address.uri)
  // What was made of parts is escaped.
  if (uri === address.uri && unfitForUri(uri)) throw new SipParseError(400, 'Malformed URI')
  const name = address.displayName?.toWellFormed()
  if (!name) return `<${uri}>`
  return `${name.split(' ').every(isToken) ? name : quote(name)} <${uri}>`
}

/** A From or To value with its tag left out; the rest as it came. */
export function withoutTag(text: string): string {
  let i = skipBlanks(text, 0)
  if (text.charCodeAt(i) === 34) i = endOfQuoted(text, i)
  const open = text.indexOf('<', i)
  const close = open < 0 ? -1 : text.indexOf('>', open)
  const params = close < 0 ? text.indexOf(';', i) : close + 1
  if (params < 0 || params === text.length) return text
  // Nothing but the tag, as nearly always.
  if (text.startsWith(';tag=', params) && isToken(text.slice(params + 5))) return text.slice(0, params)
  return text.slice(0, params) + text.slice(params).replace(/;\s*tag\s*=\s*[^;\s]*/i, '')
}

/** One Via (RFC 3261 §20.42, RFC 3581). */
export class Via {
  /** As it came. */
  readonly text: string
  /** Upper case: UDP, TCP, TLS … */
  readonly transport: string
  readonly host: string
  /** As it came; absent means 5060. */
  readonly port: number | undefined
  readonly branch: string | undefined
  /** Whether there is an `rport`, with a value or without. */
  readonly rport: boolean
  #params: Params | undefined

  constructor(
    text: string,
    transport: string,
    host: string,
    port: number | undefined,
    branch: string | undefined,
    rport: boolean,
  ) {
    this.text = text
    this.transport = transport
    this.host = host
    this.port = port
    this.branch = branch
    this.rport = rport
  }

  get params(): Params {
    const semicolon = this.text.indexOf(';')
    this.#params ??= parseParams(this.text, semicolon < 0 ? this.text.length : semicolon)
    return this.#params
  }
}

const SENT_PROTOCOL = /^\s*SIP\s*\/\s*2\.0\s*\/\s*([A-Za-z0-9\-.!%*_+`'~]+)[ \t]+/i

/**
 * Parses one Via.
 * @throws SipParseError 400
 */
export function parseVia(text: string): Via {
  let transport: string
  let i: number
  if (text.startsWith('SIP/2.0/UDP ')) {
    transport = 'UDP'
    i = skipBlanks(text, 12)
  } else {
    const match = SENT_PROTOCOL.exec(text)
    if (!match) throw new SipParseError(400, 'Malformed Via')
    transport = match[1]!.toUpperCase()
    i = match[0].length
  }
  const semicolon = text.indexOf(';', i)
  // sent-by allows blanks around its colon, unlike a URI's host.
  const sentBy = text.slice(i, semicolon < 0 ? text.length : semicolon).replace(/[ \t]+/g, '')
  const { host, port, end } = parseHostPort(sentBy, 0)
  if (end < sentBy.length) throw new SipParseError(400, 'Malformed Via')
  const params = parseParams(text, semicolon < 0 ? text.length : semicolon)
  return new Via(text, transport, host, port, params.get('branch'), params.has('rport'))
}
