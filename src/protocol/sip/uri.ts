import { inHost, inParam, inUser } from './codes.ts'
import { NO_PARAMS, type Params, parseParams } from './params.ts'
import { SipParseError } from './parse-error.ts'
import { parseDigits } from './text.ts'

/** A SIP, SIPS or tel URI (RFC 3261 §19.1, RFC 3966). */
export interface SipUri {
  readonly scheme: 'sip' | 'sips' | 'tel'
  /** Unescaped. For tel, the number. Absent when the URI has none. */
  readonly user: string | undefined
  /** Host name or address; an IPv6 address without its brackets. '' for tel. */
  readonly host: string
  readonly port: number | undefined
  readonly params: Params
  /** What stands behind `?`, as it came. */
  readonly headers: string | undefined
}

export interface UriParts {
  scheme?: 'sip' | 'sips'
  user?: string
  host: string
  port?: number
  params?: Readonly<Record<string, string>>
}

function isHost(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (!inHost(text.charCodeAt(i))) return false
  return text.length > 0
}

const IPV6 = /^[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?$/

/**
 * Reads `host [ ":" port ]` and returns where it ended.
 * @throws SipParseError 400
 */
export function parseHostPort(text: string, i: number): { host: string; port: number | undefined; end: number } {
  let host: string
  if (text.charCodeAt(i) === 91) {
    const close = text.indexOf(']', i)
    host = close < 0 ? '' : text.slice(i + 1, close)
    if (!IPV6.test(host)) throw new SipParseError(400, 'Malformed IPv6 reference')
    i = close + 1
  } else {
    const start = i
    let code = text.charCodeAt(i)
    while (inHost(code)) code = text.charCodeAt(++i)
    const ends = i === text.length || code === 58 || code === 59 || code === 63 || code === 32 || code === 9
    if (!ends || i === start) throw new SipParseError(400, 'Malformed host')
    host = text.slice(start, i)
  }
  if (text.charCodeAt(i) !== 58) return { host, port: undefined, end: i }
  const start = ++i
  while (text.charCodeAt(i) >= 48 && text.charCodeAt(i) <= 57) i++
  const port = parseDigits(text.slice(start, i), 65535)
  // Nobody is at port 0, and nothing can be sent there.
  if (port === null || port === 0) throw new SipParseError(400, 'Malformed port')
  return { host, port, end: i }
}

/** Percent-decodes; what is no UTF-8 when decoded stays as it came. */
function unescapeUser(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/**
 * Parses a URI.
 * @throws SipParseError 400 when malformed, 416 when its scheme is none of ours (RFC 3261 §8.2.2.1).
 */
export function parseUri(text: string): SipUri {
  const colon = text.indexOf(':')
  const scheme = colon === 3 && text.startsWith('sip') ? 'sip' : colon > 0 && colon < 32 ? text.slice(0, colon).toLowerCase() : ''
  if (scheme === 'tel') return parseTel(text, colon + 1)
  if (scheme !== 'sip' && scheme !== 'sips') {
    if (/^[a-z][a-z0-9+.-]*$/.test(scheme)) throw new SipParseError(416, 'Unsupported URI scheme')
    throw new SipParseError(400, 'Malformed URI')
  }
  const at = text.indexOf('@', colon)
  let user: string | undefined
  if (at >= 0) {
    // A second @ would let two readers disagree about the host.
    if (text.indexOf('@', at + 1) >= 0) throw new SipParseError(400, 'Malformed URI')
    const password = text.indexOf(':', colon + 1)
    user = unescapeUser(text.slice(colon + 1, password >= 0 && password < at ? password : at))
  }
  const { host, port, end } = parseHostPort(text, (at >= 0 ? at : colon) + 1)
  let params = NO_PARAMS
  let headers: string | undefined
  if (end < text.length) {
    const question = text.indexOf('?', end)
    const stop = question >= 0 ? question : text.length
    if (stop > end) params = parseParams(text.slice(end, stop), 0)
    if (question >= 0) headers = text.slice(question + 1)
  }
  return { scheme, user, host, port, params, headers }
}

function parseTel(text: string, i: number): SipUri {
  const semicolon = text.indexOf(';', i)
  const number = text.slice(i, semicolon >= 0 ? semicolon : text.length)
  if (!/^\+?[0-9A-Fa-f*#().-]+$/.test(number)) throw new SipParseError(400, 'Malformed tel URI')
  const params = semicolon >= 0 ? parseParams(text, semicolon) : NO_PARAMS
  return { scheme: 'tel', user: number, host: '', port: undefined, params, headers: undefined }
}

/** Nothing but what means itself in a user and in a parameter. */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (!inUser(code) || !inParam(code)) return false
  }
  return true
}

const USER_UNSAFE = /[^A-Za-z0-9\-_.!~*'()&=+$,;?/]/gu
const PARAM_UNSAFE = /[^A-Za-z0-9\-_.!~*'()[\]/:&+$]/gu

function percent(text: string, unsafe: RegExp): string {
  if (isPlain(text)) return text
  return text.toWellFormed().replace(unsafe, (c) => {
    const escaped = encodeURIComponent(c)
    return escaped === c ? `%${c.charCodeAt(0).toString(16).toUpperCase()}` : escaped
  })
}

/**
 * Writes a URI, escaping what the grammar does not allow where it stands (RFC 3261 §19.1.2).
 * @throws SipParseError 400 when the host is none.
 */
export function formatUri(parts: UriParts): string {
  const v6 = parts.host.includes(':')
  if (!(v6 ? IPV6.test(parts.host) : isHost(parts.host))) throw new SipParseError(400, 'Malformed host')
  let text = `${parts.scheme ?? 'sip'}:`
  if (parts.user) text += `${percent(parts.user, USER_UNSAFE)}@`
  text += v6 ? `[${parts.host}]` : parts.host
  if (parts.port !== undefined) text += `:${parts.port}`
  for (const name in parts.params) {
    const value = parts.params[name]!
    text += `;${percent(name, PARAM_UNSAFE)}${value && `=${percent(value, PARAM_UNSAFE)}`}`
  }
  return text
}
