import { ALLOW, SUPPORTED } from './capabilities.ts'
import type { SipRequest } from './message.ts'
import { HEADER } from './names.ts'
import { SipParseError } from './parse-error.ts'
import { answerInterval } from './session-interval.ts'
import type { HeaderList } from './types.ts'

/** A request that is refused before anybody is asked. */
export interface Refusal {
  status: number
  headers?: HeaderList
}

const KNOWN: ReadonlySet<string> = new Set([
  ...['INVITE', 'ACK', 'CANCEL', 'BYE', 'OPTIONS', 'INFO', 'UPDATE', 'PRACK'],
  ...['MESSAGE', 'NOTIFY', 'SUBSCRIBE', 'REFER', 'REGISTER', 'PUBLISH'],
])

const WITH_CONTACT: ReadonlySet<string> = new Set(['INVITE', 'UPDATE', 'REGISTER', 'SUBSCRIBE', 'REFER'])

/**
 * Reads all headers that the user agent and the product rely on (RFC 3261 §8.1.1), so that nothing throws later.
 * @throws SipParseError with the status to answer with.
 */
export function checkSyntax(request: SipRequest): void {
  // Via comes first: without it there is nowhere to answer to.
  void request.via
  const { cseq } = request
  request.checkTags()
  void request.maxForwards
  if (cseq.method !== request.method) throw new SipParseError(400, 'CSeq of another method')
  request.checkTarget()
  try {
    request.checkParties()
    if (WITH_CONTACT.has(request.method)) void request.contactUri
  } catch (error) {
    // 416 is for the Request-URI alone (§8.2.2.1).
    throw error instanceof SipParseError && error.status === 416 ? new SipParseError(400, error.message) : error
  }
}

/** §8.2: what a user agent server refuses by itself, in the order of the RFC. Not for ACK and CANCEL. */
export function checkRules(request: SipRequest): Refusal | null {
  if (!KNOWN.has(request.method)) return { status: 405, headers: [['Allow', ALLOW]] }
  // §11: an OPTIONS with Max-Forwards 0 is a question to whoever it has reached.
  if (request.maxForwards === 0 && request.method !== 'OPTIONS') return { status: 483 }
  const required =
    request.header(HEADER.require) === undefined
      ? []
      : request.list(HEADER.require).filter((option) => !SUPPORTED.includes(option))
  if (required.length > 0) return { status: 420, headers: [['Unsupported', required.join(', ')]] }
  // RFC 4028 §9: a session interval that is too short.
  if (request.method === 'INVITE' || request.method === 'UPDATE') {
    const interval = answerInterval(request)
    if (interval.kind === 'too-small') return { status: 422, headers: interval.headers }
  }
  return request.method === 'INVITE' ? checkOffer(request) : null
}

const SDP = 'application/sdp'

/** §8.2.3: a body that an INVITE of ours can have; §21.4.7: and one that may answer it. */
function checkOffer(request: SipRequest): Refusal | null {
  const accept = request.header(HEADER.accept)
  if (accept !== undefined && !/(?:application\/(?:sdp|\*)|\*\/\*)/i.test(accept)) return { status: 406 }
  if (request.body.length === 0) return null
  const encoding = request.header(HEADER.contentEncoding)
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return { status: 415, headers: [['Accept-Encoding', 'identity']] }
  }
  const type = request.contentType
  if (type === SDP || type === 'multipart/mixed') return null
  if (/;\s*handling\s*=\s*optional/i.test(request.header('content-disposition') ?? '')) return null
  return { status: 415, headers: [['Accept', SDP]] }
}
