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

/** All that a request is made of. Values are complete header values; From and To with their tags. */
export interface RequestParts {
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
  contact?: string | undefined
  headers?: HeaderList | undefined
  body?: MessageBody | undefined
  /** The tag in `from`, where it is known; else it is looked for. */
  fromTag?: string
}

export interface ResponseParts {
  status: number
  reason?: string | undefined
  /** Added to To where the request had none (RFC 3261 §8.2.6.2). Never for 100. */
  toTag?: string
  contact?: string | undefined
  /** Whether to copy Record-Route: in answers that make a dialog (§12.1.1). */
  recordRoute?: boolean
  headers?: HeaderList | undefined
  body?: MessageBody | undefined
}

const SDP = 'application/sdp'

/** One header line. @throws SipTextRefused for what would break out of it. */
function line(name: string, value: string): string {
  if (breaksOut(value)) throw new SipTextRefused(name)
  return `${name}: ${value}\r\n`
}

function extraLines(headers: HeaderList | undefined): string {
  let text = ''
  if (headers) {
    for (const [name, value] of headers) {
      if (!isToken(name)) throw new SipTextRefused('a header name')
      text += line(name, value)
    }
  }
  return text
}

function hasCredentials(headers: HeaderList | undefined): boolean {
  if (headers) for (const [name] of headers) if (isCredential(name)) return true
  return false
}

/** Closes the head, which has the headers of `parts` already, and adds their body. */
function finish(name: MessageName, head: string, { headers, body }: RequestParts | ResponseParts): OutgoingMessage {
  const open = !hasCredentials(headers)
  if (!body) return new OutgoingMessage(name, `${head}Content-Length: 0\r\n\r\n`, open ? 0 : null)
  const { type, content } = body
  const length = typeof content === 'string' ? Buffer.byteLength(content) : content.length
  const description = open && type === SDP ? length : null
  const text = `${head}${line('Content-Type', type)}Content-Length: ${length}\r\n\r\n`
  if (typeof content === 'string') return new OutgoingMessage(name, text + content, description)
  return new OutgoingMessage(name, text, description, content)
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
  if (!isToken(parts.method) || unfitForUri(parts.uri) || !parts.uri) throw new SipTextRefused('the request line')
  let head = `${parts.method} ${parts.uri} SIP/2.0\r\n${line('Via', parts.via)}`
  if (parts.routes) for (const route of parts.routes) head += line('Route', route)
  head += `Max-Forwards: ${parts.maxForwards ?? 70}\r\n${line('From', parts.from)}${line('To', parts.to)}`
  head += `${line('Call-ID', parts.callId)}CSeq: ${parts.sequence} ${parts.method}\r\n`
  if (parts.contact) head += line('Contact', parts.contact)
  const name = { is: parts.method, callId: parts.callId, fromTag: parts.fromTag ?? ownTag(parts.from) }
  return finish(name, head + extraLines(parts.headers), parts)
}

const FROM = new HeaderName(HEADER.from, 'From')
const CALL_ID = new HeaderName(HEADER.callId, 'Call-ID')
const CSEQ = new HeaderName(HEADER.cseq, 'CSeq')

/** The headers that every response copies from its request but To (RFC 3261 §8.2.6.2); `via` replaces the topmost Via. */
export function responsePrefix(request: SipRequest, via?: string): string {
  // As lines when nothing is replaced, so that a request whose Via cannot be read can be answered all the same.
  const lines = via === undefined ? viaLines(request.headers(HEADER.via)) : `Via: ${via}\r\n${viaLines(restOfVias(request))}`
  return lines + request.lineOf(FROM) + request.lineOf(CALL_ID) + request.lineOf(CSEQ)
}

/** All but the topmost. */
function restOfVias(request: SipRequest): readonly string[] {
  return request.vias === 1 ? NONE : request.list(HEADER.via).slice(1)
}

const NONE: readonly string[] = []

function viaLines(vias: readonly string[]): string {
  let text = ''
  for (const value of vias) text += `Via: ${value}\r\n`
  return text
}

/** Whether To has a tag; a To that cannot be read is copied as it is. */
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
  let to = request.header(HEADER.to)
  if (to !== undefined && toTag && !hasTag(request)) to += `;tag=${toTag}`
  let head = statusLine(parts.status, parts.reason) + prefix
  if (to !== undefined) head += `To: ${to}\r\n`
  if (parts.recordRoute) for (const value of request.headers(HEADER.recordRoute)) head += `Record-Route: ${value}\r\n`
  if (parts.contact) head += line('Contact', parts.contact)
  return finish(nameOfAnswer(request, parts.status), head + extraLines(parts.headers), parts)
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
