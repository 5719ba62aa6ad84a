import { type HeadIndex, SipRequest, SipResponse } from './message.ts'
import { canonicalName } from './names.ts'
import { SipParseError } from './parse-error.ts'
import { isToken, parseDigits, UNFIT_FOR_URI } from './text.ts'

const NO_BODY = new Uint8Array(0)
const CR = 13
const SPACE = 32
const LF = 10
const LONE_CR = /\r(?!\n|$)/
const LONE_CRS = /\r(?!\n|$)/g

/** Where the head ends and the body starts, or null when no empty line closes the head. */
function findEndOfHead(bytes: Buffer, start: number): { end: number; body: number } | null {
  const strict = bytes.indexOf('\r\n\r\n', start, 'latin1')
  if (strict >= 0) return { end: strict, body: strict + 4 }
  // Not the RFC's line ends, but some write them.
  const bare = bytes.indexOf('\n\n', start, 'latin1')
  return bare >= 0 ? { end: bare, body: bare + 2 } : null
}

/** Finds the lines of the headers in one pass. A line without a name is reported as `bad`, after which nothing is read. */
function indexHead(text: string, from: number): { index: HeadIndex; bad: boolean } {
  const names: string[] = []
  const spans: number[] = []
  let bad = false
  let pos = from
  while (pos < text.length) {
    let eol = text.indexOf('\n', pos)
    // §7.3.1: a line that starts with a blank goes on from the one before.
    while (eol >= 0 && (text.charCodeAt(eol + 1) === 32 || text.charCodeAt(eol + 1) === 9)) eol = text.indexOf('\n', eol + 1)
    if (eol < 0) eol = text.length
    const colon = text.indexOf(':', pos)
    const name = colon >= 0 && colon < eol ? canonicalName(text.slice(pos, colon)) : ''
    if (!name) {
      bad = true
      break
    }
    names.push(name)
    spans.push(colon + 1, eol)
    pos = eol + 1
  }
  return { index: { text, names, spans }, bad }
}

/** §18.3: bytes past Content-Length are dropped; fewer than it says, or none that can be read, make the message malformed. */
function cutBody(index: HeadIndex, rest: Uint8Array): Uint8Array | SipParseError {
  let length = -1
  for (let i = index.names.indexOf('content-length'); i >= 0; i = index.names.indexOf('content-length', i + 1)) {
    const n = parseDigits(index.text.slice(index.spans[2 * i], index.spans[2 * i + 1]).trim(), 2 ** 31)
    if (n === null || (length >= 0 && n !== length)) return new SipParseError(400, 'Malformed content-length')
    length = n
  }
  if (length < 0 || length === rest.length) return rest
  return length < rest.length ? rest.subarray(0, length) : new SipParseError(400, 'Body shorter than content-length')
}

/**
 * Parses a datagram, reading only the start line and where the headers are (RFC 3261 §7). Never takes more than time in
 * proportion to the length (PITFALLS F13).
 * @throws SipParseError with the status to answer with, and the request as far as it could be read.
 */
export function parseMessage(bytes: Uint8Array): SipRequest | SipResponse {
  return parse(bytes, false)
}

/** Parses a head that has been kept without its body. */
export function parseHead(text: string): SipRequest | SipResponse {
  return parse(Buffer.from(text.endsWith('\r\n\r\n') ? text : `${text}\r\n\r\n`), true)
}

function parse(bytes: Uint8Array, headOnly: boolean): SipRequest | SipResponse {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let start = 0
  while (buffer[start] === CR || buffer[start] === LF) start++
  const end = findEndOfHead(buffer, start)
  const raw = buffer.toString('utf8', start, end ? end.end : buffer.length)
  // §25.1: a CR stands before a LF alone. Some readers end a line at it, so that it must not come back in an answer.
  const lone = LONE_CR.test(raw)
  const text = lone ? raw.replaceAll(LONE_CRS, ' ') : raw
  let lineEnd = text.indexOf('\n')
  if (lineEnd < 0) lineEnd = text.length
  const line = text.slice(0, text.charCodeAt(lineEnd - 1) === CR ? lineEnd - 1 : lineEnd)
  const { index, bad } = indexHead(text, lineEnd + 1)
  const body = headOnly ? NO_BODY : cutBody(index, end ? buffer.subarray(end.body) : NO_BODY)
  const message = line.startsWith('SIP/') ? parseStatusLine(line, index, body) : parseRequestLine(line, index, body)
  const fault = !end ? 'Head without end' : bad ? 'Malformed header line' : lone ? 'CR without LF' : ''
  const error = fault ? new SipParseError(400, fault) : body instanceof SipParseError ? body : null
  if (!error) return message
  if (message instanceof SipRequest) error.request = message
  throw error
}

function parseStatusLine(line: string, index: HeadIndex, body: Uint8Array | SipParseError): SipResponse {
  const status = parseDigits(line.slice(8, 11), 699)
  const version = line.slice(0, 8)
  const told = status !== null && status >= 100 && (line.length === 11 || line.charCodeAt(11) === SPACE)
  if (!told || (version !== 'SIP/2.0 ' && version.toUpperCase() !== 'SIP/2.0 '))
    throw new SipParseError(400, 'Malformed status line')
  return new SipResponse(status, line.slice(12), index, body instanceof SipParseError ? NO_BODY : body)
}

function parseRequestLine(line: string, index: HeadIndex, body: Uint8Array | SipParseError): SipRequest {
  const first = line.indexOf(' ')
  const last = line.lastIndexOf(' ')
  const method = first > 0 ? line.slice(0, first) : ''
  const version = line.slice(last + 1)
  if (!isToken(method) || !/^SIP\/\d+\.\d+$/i.test(version)) {
    const error = new SipParseError(400, 'Malformed request line')
    // `INVITE sip:… SIP/2.0 ` is still known for what it is, and can be answered.
    if (isToken(method)) error.request = new SipRequest(method, '', index, NO_BODY)
    throw error
  }
  const uri = first < last ? line.slice(first + 1, last) : ''
  const request = new SipRequest(method, uri, index, body instanceof SipParseError ? NO_BODY : body)
  let error: SipParseError | null = null
  if (version !== 'SIP/2.0' && version.toUpperCase() !== 'SIP/2.0') error = new SipParseError(505, 'Version not supported')
  else if (!uri || UNFIT_FOR_URI.test(uri)) error = new SipParseError(400, 'Malformed Request-URI')
  if (!error) return request
  error.request = request
  throw error
}
