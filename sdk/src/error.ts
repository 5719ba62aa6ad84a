import { placeless } from '#lib/index.ts'
import type { Refusal } from './types.ts'

/** A verb that could not be carried out. */
export class VerbError extends Error {
  /** `call-gone`, `resource-unavailable`, `interrupted`, `invalid-argument`, or the slug of what went wrong. */
  readonly code: string
  /** Whether the same thing may succeed later. */
  readonly retry: boolean

  constructor(message: string, code: string, retry: boolean, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'VerbError'
    this.code = code
    this.retry = retry
  }
}

/** The call is over. Nothing can be done to it any more. */
export class CallGone extends VerbError {
  constructor(options?: { cause?: unknown }) {
    super('the call is gone', 'call-gone', false, options)
    this.name = 'CallGone'
  }
}

/** A lease was refused; `refusal` names the kind, the limit and what is in use. */
export class ResourceUnavailable extends VerbError {
  readonly refusal: Refusal

  constructor(message: string, refusal: Refusal, options?: { cause?: unknown }) {
    super(message, 'resource-unavailable', true, options)
    this.name = 'ResourceUnavailable'
    this.refusal = refusal
  }
}

/** The switch or the link restarted in mid-verb: what it has done is not known. */
export class Interrupted extends VerbError {
  constructor(options?: { cause?: unknown }) {
    super('the verb was interrupted', 'interrupted', true, options)
    this.name = 'Interrupted'
  }
}

/** An argument that the verb cannot have; the message says which and what it must be. */
export class InvalidArgument extends VerbError {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, 'invalid-argument', false, options)
    this.name = 'InvalidArgument'
  }
}

/**
 * The errors above from what came over the link: its verdict's code says which. Its stack is that of whoever asked, since the
 * link's would lead a program's author nowhere: `asked` was made by the function that every verb goes through.
 */
export function verbError(reason: unknown, asked?: Error): unknown {
  if (!asked) return errorOf(reason)
  const error = placeless(() => errorOf(reason))
  if (error instanceof VerbError) leadTo(error, asked)
  return error
}

/** A stack is text only once somebody reads it: each call whose caller hangs up has an error, which few do. */
function leadTo(error: VerbError, asked: Error): void {
  const head = `${error.name}: ${error.message}`
  let stack: string | undefined
  const read = () => {
    // That function's own frame says nothing, and from where the call was handed to the program it is the link's way again.
    stack ??=
      head +
      String(asked.stack ?? '')
        .replace(/^[^\n]*\n?[^\n]*/, '')
        .replace(/\n +at (async )?#take [\s\S]*/, '')
    return stack
  }
  const write = (text: string) => {
    stack = text
  }
  Object.defineProperty(error, 'stack', { configurable: true, get: read, set: write })
}

function errorOf(reason: unknown): unknown {
  const { message, verdict, details } = reason as {
    message: string
    verdict?: { code: string; retry: boolean }
    details?: { refusal?: Refusal }
  }
  if (!verdict) return reason
  switch (verdict.code) {
    case 'call-gone':
      return new CallGone()
    case 'resource-unavailable':
      return new ResourceUnavailable(message, details?.refusal as Refusal)
    case 'interrupted':
    case 'link-lost':
      return new Interrupted()
    case 'invalid-argument':
      return new InvalidArgument(message)
    default:
      return new VerbError(message, verdict.code, verdict.retry)
  }
}
