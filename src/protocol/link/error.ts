import { placeless, TielineError, type Verdict } from '#lib/index.ts'

/** Why a link is no more. */
export type LinkLostReason =
  | 'closed' // this side closed it
  | 'ended' // the other side closed it, or died
  | 'silent' // nothing heard within the heartbeat's limit: the other side is frozen
  | 'stuck' // the other side reads nothing, and the writing queue is full
  | 'malformed' // what came was not our protocol
  | 'too-long' // a line over the limit
  | 'refused' // the other side doesn't want us: version or identity
  | 'unreachable' // there is no connection now
  | 'error' // the stream failed; see cause

/** The link is gone; whether the call had an effect is not known. */
export class LinkLost extends TielineError {
  readonly reason: LinkLostReason

  constructor(reason: LinkLostReason, cause?: unknown, text?: string) {
    super(
      text ? `the link is lost: ${text}` : 'the link is lost',
      { code: 'link-lost', fault: 'system', retry: true, http: 503, sip: 503 },
      { reason },
      cause === undefined ? {} : { cause },
    )
    this.name = 'LinkLost'
    this.reason = reason
  }
}

const VERDICTS = {
  timeout: { code: 'timeout', fault: 'peer', retry: true, http: 504 },
  'no-such-method': { code: 'no-such-method', fault: 'system', retry: false, http: 501 },
  'too-many': { code: 'too-many', fault: 'peer', retry: true, http: 429 },
  internal: { code: 'internal', fault: 'system', retry: false, http: 500 },
} as const satisfies Record<string, Verdict>

export function linkError(code: keyof typeof VERDICTS, message: string): TielineError {
  return new TielineError(message, VERDICTS[code])
}

/** The error object of a response (JSON-RPC 2.0 §5.1). */
export interface WireError {
  code: number
  message: string
  data?: { verdict?: Verdict; details?: Record<string, unknown> }
}

/** A bug's message stays at home: it may hold anything. */
export function toWire(error: unknown): WireError {
  if (!(error instanceof TielineError)) return { code: -32603, message: 'internal error' }
  const code = error.verdict.code === 'no-such-method' ? -32601 : -32000
  return { code, message: error.message, data: { verdict: error.verdict, details: error.details } }
}

/** Its place would be the reading of the link, whoever has asked. */
export function fromWire(error: WireError): TielineError {
  return placeless(() => errorOf(error))
}

function errorOf(error: WireError): TielineError {
  const verdict = error.data?.verdict
  if (typeof verdict?.code === 'string') return new TielineError(error.message, verdict, error.data?.details ?? {})
  return linkError(error.code === -32601 ? 'no-such-method' : 'internal', error.message)
}
