/** Whose fault an error is; CSTA keeps *subscribed* and *system* resource availability apart in the same way. */
export type Fault = 'caller' | 'peer' | 'subscriber' | 'system'

/** What an error means to those who must answer for it. */
export interface Verdict {
  /** A stable, documented slug: `resource-unavailable`, `call-gone`. Also the last part of the problem+json type. */
  code: string
  fault: Fault
  /** Whether the same thing may succeed later. */
  retry: boolean
  /** The HTTP status that says it best. */
  http: number
  /** The SIP status that says it best, where the error can end a leg. */
  sip?: number
  /** The Q.850 cause that goes with it. */
  q850?: number
}

/** An error of the domain. It carries its verdict; what is not a TielineError is a bug. */
export class TielineError extends Error {
  readonly verdict: Verdict
  /** Facts for machines: the refused kind, the limit, the holders. Never a secret. */
  readonly details: Record<string, unknown>

  constructor(message: string, verdict: Verdict, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TielineError'
    this.verdict = verdict
    this.details = details
  }
}

/** Makes an error whose place says nothing to anybody: taking down the stack costs more than all else about it. */
export function placeless<E>(make: () => E): E {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return make()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}
