import type { SipRequest } from './message.ts'

/** A message that breaks the grammar of RFC 3261 §25. Nothing else is ever thrown by the parsers of this folder. */
export class SipParseError extends Error {
  /** The status to answer with, should it be a request: 400, 413, 416, 505 … */
  readonly status: number
  /** What could be read of the request, from which an answer can be made. Absent for responses and for noise. */
  request?: SipRequest

  constructor(status: number, message: string) {
    super(message)
    this.name = 'SipParseError'
    this.status = status
  }
}
