import { findNumber, type Head, PER_LINE, readAnyLines, readHead, type UsualHead } from './head.ts'
import { SipRequest, SipResponse } from './message.ts'
import { knownMethod, methodAt } from './methods.ts'
import { HEADER } from './names.ts'
import { SipParseError } from './parse-error.ts'
import { begins, digitsAt, isPlainUri, octetsOf } from './plain.ts'
import { isToken, parseDigits, unfitForUri } from './text.ts'

const NO_BODY = new Uint8Array(0)
const CR = 13
const SPACE = 32
const LF = 10
const LONE_CR = /\r(?!\n|$)/
const LONE_CRS = /\r(?!\n|$)/g

/** Where the head ends and the body starts, or null when no empty line closes the head. */
function findEndOfHead(bytes: Buffer): { end: number; body: number } | null {
  const strict = bytes.indexOf('\r\n\r\n', 0, 'latin1')
  if (strict >= 0) return { end: strict, body: strict + 4 }
  // Not the RFC's line ends, but some write them.
  const bare = bytes.indexOf('\n\n', 0, 'latin1')
  return bare >= 0 ? { end: bare, body: bare + 2 } : null
}

/** §18.3: bytes past Content-Length are dropped; fewer than it says, or none that can be read, make the message malformed. */
function cutBody({ text, codes, lines }: Head, bytes: Uint8Array, start: number): Uint8Array | SipParseError {
  let length = -1
  for (let i = findNumber(lines, HEADER.contentLength); i >= 0; i = findNumber(lines, HEADER.contentLength, i + PER_LINE)) {
    const n = codes
      ? digitsAt(codes, 2 ** 31, lines[i + 2]!, lines[i + 3]!)
      : parseDigits(text.slice(lines[i + 2], lines[i + 3]).trim(), 2 ** 31)
    if (n === null || (length >= 0 && n !== length)) return new SipParseError(400, 'Malformed content-length')
    length = n
  }
  const rest = bytes.length - start
  if (length > rest) return new SipParseError(400, 'Body shorter than content-length')
  const octets = length < 0 ? rest : length
  return octets === 0 ? NO_BODY : bytes.subarray(start, start + octets)
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
  let buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let start = 0
  while (buffer[start] === CR || buffer[start] === LF) start++
  if (start > 0) buffer = buffer.subarray(start)
  const head = readHead(buffer)
  if (!head) return parseUnusual(buffer, headOnly)
  const body = headOnly ? NO_BODY : cutBody(head, buffer, head.text.length + 4)
  const known = body instanceof SipParseError ? NO_BODY : body
  const message = plainMessage(head, known) ?? parseStartLine(head.text.slice(0, head.startLine), head, known)
  if (body instanceof SipParseError) throw withRequest(body, message)
  return message
}

const VERSION = ' SIP/2.0'
const VERSION_OCTETS = octetsOf(VERSION)
const STATUS_OCTETS = octetsOf('SIP/2.0 ')
const STATUS_LINE = STATUS_OCTETS.length + 3

/** The message of a start line as nearly everybody writes it: a known method to a plain URI, or a status. Null for another one. */
function plainMessage(head: UsualHead, body: Uint8Array): SipRequest | SipResponse | null {
  const { text, codes, startLine } = head
  if (begins(codes, 0, STATUS_OCTETS)) {
    const status = digitsAt(codes, 699, STATUS_OCTETS.length, STATUS_LINE)
    if (status === null || status < 100 || (startLine > STATUS_LINE && codes[STATUS_LINE] !== SPACE)) return null
    return new SipResponse(status, text.slice(STATUS_LINE + 1, startLine), head, body)
  }
  let start = 0
  while (start < startLine && codes[start] !== SPACE) start++
  const method = knownMethod(codes, 0, start)
  const end = startLine - VERSION.length
  start++
  if (!method || !isPlainUri(codes, start, end) || !begins(codes, end, VERSION_OCTETS)) return null
  return new SipRequest(method, text.slice(start, end), head, body, true)
}

/** Any other: with other line ends, with folded lines, in UTF-8, without an end, or with something that does not belong there. */
function parseUnusual(buffer: Buffer, headOnly: boolean): SipRequest | SipResponse {
  const end = findEndOfHead(buffer)
  const raw = buffer.toString('utf8', 0, end ? end.end : buffer.length)
  // §25.1: a CR stands before a LF alone. Some readers end a line at it, so that it must not come back in an answer.
  const lone = LONE_CR.test(raw)
  const text = lone ? raw.replaceAll(LONE_CRS, ' ') : raw
  let lineEnd = text.indexOf('\n')
  if (lineEnd < 0) lineEnd = text.length
  const line = text.slice(0, text.charCodeAt(lineEnd - 1) === CR ? lineEnd - 1 : lineEnd)
  const { lines, bad } = readAnyLines(text, lineEnd + 1)
  const head = { text, codes: null, startLine: lineEnd, lines }
  const body = headOnly || !end ? NO_BODY : cutBody(head, buffer, end.body)
  const message = parseStartLine(line, head, body instanceof SipParseError ? NO_BODY : body)
  const fault = !end ? 'Head without end' : bad ? 'Malformed header line' : lone ? 'CR without LF' : ''
  const error = fault ? new SipParseError(400, fault) : body instanceof SipParseError ? body : null
  if (error) throw withRequest(error, message)
  return message
}

function withRequest(error: SipParseError, message: SipRequest | SipResponse): SipParseError {
  if (message instanceof SipRequest) error.request = message
  return error
}

function parseStartLine(line: string, head: Head, body: Uint8Array): SipRequest | SipResponse {
  return line.startsWith('SIP/') ? parseStatusLine(line, head, body) : parseRequestLine(line, head, body)
}

function parseStatusLine(line: string, head: Head, body: Uint8Array): SipResponse {
  const status = line.length < 11 ? null : parseDigits(line, 699, 8, 11)
  const told = status !== null && status >= 100 && (line.length === 11 || line.charCodeAt(11) === SPACE)
  if (!told || !(line.startsWith('SIP/2.0 ') || line.slice(0, 8).toUpperCase() === 'SIP/2.0 '))
    throw new SipParseError(400, 'Malformed status line')
  return new SipResponse(status, line.slice(12), head, body)
}

function parseRequestLine(line: string, head: Head, body: Uint8Array): SipRequest {
  const first = line.indexOf(' ')
  const usual = line.endsWith(VERSION)
  const last = usual ? line.length - VERSION.length : line.lastIndexOf(' ')
  const method = first > 0 ? methodAt(line, 0, first) : ''
  const version = usual ? 'SIP/2.0' : line.slice(last + 1)
  if (!isToken(method) || !(usual || /^SIP\/\d+\.\d+$/i.test(version))) {
    const error = new SipParseError(400, 'Malformed request line')
    // `INVITE sip:… SIP/2.0 ` is still known for what it is, and can be answered.
    if (isToken(method)) error.request = new SipRequest(method, '', head, NO_BODY)
    throw error
  }
  const uri = first < last ? line.slice(first + 1, last) : ''
  const request = new SipRequest(method, uri, head, body)
  let error: SipParseError | null = null
  if (!usual && version.toUpperCase() !== 'SIP/2.0') error = new SipParseError(505, 'Version not supported')
  else if (!uri || unfitForUri(uri)) error = new SipParseError(400, 'Malformed Request-URI')
  if (!error) return request
  error.request = request
  throw error
}
