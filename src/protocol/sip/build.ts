import { ALLOW, SUPPORTED } from './capabilities.ts'
import { SipTextRefused } from './failure.ts'
import { HeaderName, type SipRequest } from './message.ts'
import { HEADER, isCredential } from './names.ts'
import { type MessageName, OutgoingMessage } from './outgoing-message.ts'
import { reasonPhrase } from './reason.ts'
import { breaksOut, isToken, unfitForUri } from './text.ts'
import type { HeaderList } from './types.ts'

export interface MessageBody {
  type: string
  content: Uint8Array | string
}

/** What requests and responses are made of besides what names them. */
interface MessageParts {
  contact?: string | undefined
  /** Says what we understand, where `headers` don't: Allow and Supported, in front of them. */
  capable?: boolean
  headers?: HeaderList | undefined
  /** Behind `headers`. */
  interval?: HeaderList | undefined
  body?: MessageBody | undefined
}

/** All that a request is made of. Values are complete header values; From and To with their tags. */
export interface RequestParts extends MessageParts {
  method: string
  uri: string
  via: string
  from: string
  to: string
  callId: string
  sequence: number
  /** Default 70. */
  maxForwards?: number | undefined
  /** Route values in order. */
  routes?: readonly string[] | undefined
  /** In front of all further headers. */
  credentials?: HeaderList | undefined
  /** The tag in `from`, where it is known; else it is looked for. */
  fromTag?: string
}

export interface ResponseParts extends MessageParts {
  status: number
  reason?: string | undefined
  /** Added to To where the request had none (RFC 3261 §8.2.6.2). Never for 100. */
  toTag?: string
  /** Whether to copy Record-Route: in answers that make a dialog (§12.1.1). */
  recordRoute?: boolean
}

const SDP = 'application/sdp'
const ALLOW_HEADER = ['Allow', ALLOW] as const
const SUPPORTED_HEADER = ['Supported', SUPPORTED.join(', ')] as const

/** The head of a message while it is written: from `own` on of lines of ours, each of which is counted. */
class Head {
  #text: string
  readonly #own: number
  #lines: number
  /** Nobody shows by it who he is. */
  #open = true

  constructor(text: string, own: number, lines: number) {
    this.#text = text
    this.#own = own
    this.#lines = lines
  }

  add(name: string, value: string): void {
    this.#text += `${name}: ${value}\r\n`
    this.#lines += 1
  }

  addAll(headers: HeaderList | undefined): void {
    if (!headers) return
    for (const [name, value] of headers) {
      if (!isToken(name)) throw new SipTextRefused('a header name')
      if (isCredential(name)) this.#open = false
      this.add(name, value)
    }
  }

  /** Closes it, behind the further headers of `parts`, and adds their body. @throws SipTextRefused */
  finish(name: MessageName, { capable, headers, interval, body }: MessageParts): OutgoingMessage {
    if (capable) {
      if (!says(headers, 'allow')) this.add(...ALLOW_HEADER)
      if (!says(headers, 'supported')) this.add(...SUPPORTED_HEADER)
    }
    this.addAll(headers)
    this.addAll(interval)
    if (!body) return new OutgoingMessage(name, this.#sound(`${this.#text}Content-Length: 0\r\n\r\n`), this.#open ? 0 : null)
    const { type, content } = body
    this.add('Content-Type', type)
    const isText = typeof content === 'string'
    const length = isText ? Buffer.byteLength(content) : content.length
    const text = this.#sound(`${this.#text}Content-Length: ${length}\r\n\r\n${isText ? content : ''}`)
    return new OutgoingMessage(name, text, this.#open && type === SDP ? length : null, isText ? undefined : content)
  }

  /** Nothing has broken out of its line (PITFALLS F09): there are as many line ends as lines, and no NUL. */
  #sound(text: string): string {
    const [lines, start, end] = [this.#lines, this.#own, this.#text.length]
    if (lines === 0) return text
    const nul = text.indexOf('\0', start)
    if (countOf(text, '\n', start, end) !== lines || countOf(text, '\r', start, end) !== lines || (nul >= 0 && nul < end))
      throw new SipTextRefused('a header')
    return text
  }
}

function countOf(text: string, character: string, start: number, end: number): number {
  let count = 0
  for (let i = text.indexOf(character, start); i >= 0 && i < end; i = text.indexOf(character, i + 1)) count++
  return count
}

function says(headers: HeaderList | undefined, name: string): boolean {
  if (headers) for (const [own] of headers) if (own.length === name.length && own.toLowerCase() === name) return true
  return false
}

const TAG = ';tag='

/** The tag of a From that we have written ourselves. */
function ownTag(from: string): string {
  const at = from.lastIndexOf(TAG)
  return at < 0 ? '' : from.slice(at + TAG.length)
}

/**
 * Writes a request.
 * @throws SipTextRefused when a value holds CR, LF or NUL, a name is no token, or the Request-URI holds blanks (PITFALLS F09).
 */
export function buildRequest(parts: RequestParts): OutgoingMessage {
  const { method, uri, from, callId, sequence, maxForwards = 70, routes, contact } = parts
  if (!isToken(method) || unfitForUri(uri) || !uri) throw new SipTextRefused('the request line')
  let route = ''
  if (routes) for (const value of routes) route += `Route: ${value}\r\n`
  const names = `From: ${from}\r\nTo: ${parts.to}\r\nCall-ID: ${callId}\r\nCSeq: ${sequence} ${method}\r\n`
  const text = `${method} ${uri} SIP/2.0\r\nVia: ${parts.via}\r\n${route}Max-Forwards: ${maxForwards}\r\n${names}`
  const head = new Head(text, 0, 7 + (routes?.length ?? 0))
  if (contact) head.add('Contact', contact)
  head.addAll(parts.credentials)
  return head.finish({ is: method, callId, fromTag: parts.fromTag ?? ownTag(from) }, parts)
}

const VIA = new HeaderName(HEADER.via, 'Via')
const FROM = new HeaderName(HEADER.from, 'From')
const TO = new HeaderName(HEADER.to, 'To')
const CALL_ID = new HeaderName(HEADER.callId, 'Call-ID')
const CSEQ = new HeaderName(HEADER.cseq, 'CSeq')

/** The headers that every response copies from its request but To (RFC 3261 §8.2.6.2); `via` replaces the topmost Via. */
export function responsePrefix(request: SipRequest, via?: string): string {
  return viaLines(request, via) + request.lineOf(FROM) + request.lineOf(CALL_ID) + request.lineOf(CSEQ)
}

function viaLines(request: SipRequest, via: string | undefined): string {
  // As lines when nothing is replaced, so that a request whose Via cannot be read can be answered all the same.
  if (via === undefined) return copies('Via', request.headers(HEADER.via))
  if (request.vias !== 1) return `Via: ${via}\r\n${copies('Via', request.list(HEADER.via).slice(1))}`
  return via === request.via.text ? request.lineOf(VIA) : `Via: ${via}\r\n`
}

function copies(name: string, values: readonly string[]): string {
  let text = ''
  for (const value of values) text += `${name}: ${value}\r\n`
  return text
}

/** To, with a tag where the request had none; one that cannot be read is copied as it is. */
function toLine(request: SipRequest, tag: string | undefined): string {
  const value = tag && !hasTag(request) ? request.header(HEADER.to) : undefined
  return value === undefined ? request.lineOf(TO) : `To: ${value};tag=${tag}\r\n`
}

function hasTag(request: SipRequest): boolean {
  try {
    return request.toTag !== undefined
  } catch {
    return true
  }
}

/** Writes a response behind a {@link responsePrefix}, so that several answers to one request share it. */
export function buildResponseWith(
  prefix: string,
  request: SipRequest,
  parts: ResponseParts,
  toTag = parts.toTag,
): OutgoingMessage {
  let text = statusLine(parts.status, parts.reason) + prefix + toLine(request, toTag)
  if (parts.recordRoute) text += copies('Record-Route', request.headers(HEADER.recordRoute))
  const head = new Head(text, text.length, 0)
  if (parts.contact) head.add('Contact', parts.contact)
  return head.finish(nameOfAnswer(request, parts.status), parts)
}

function statusLine(status: number, reason = reasonPhrase(status)): string {
  if (breaksOut(reason)) throw new SipTextRefused('a reason phrase')
  return `SIP/2.0 ${status} ${reason}\r\n`
}

/** Also for a request that could not be read: its answer is in no dialog. */
function nameOfAnswer(request: SipRequest, status: number): MessageName {
  try {
    return { is: status, callId: request.callId, fromTag: request.fromTag ?? '' }
  } catch {
    return { is: status, callId: '', fromTag: '' }
  }
}

/**
 * Writes a response to `request`.
 * @throws SipTextRefused as {@link buildRequest} does.
 */
export function buildResponse(request: SipRequest, parts: ResponseParts): OutgoingMessage {
  return buildResponseWith(responsePrefix(request), request, parts)
}
