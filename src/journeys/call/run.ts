import { TielineError } from '#lib/index.ts'
import { ResourceUnavailable } from '#platform/resource/index.ts'
import { CAUSES, causeOf, type Reason } from '#platform/trunk/index.ts'
import type { CallCause, Refusal } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { close } from './close.ts'

/**
 * Runs a call's one function. However it ends, all that the call has taken is given back, and `call.cleared` is its last
 * event. A bug ends the call, never the process.
 */
export async function run(call: Call, steps: () => Promise<void>): Promise<void> {
  try {
    await steps()
  } catch (error) {
    if (!(error instanceof TielineError)) call.log.error({ err: error }, 'a call was ended by a fault')
    call.end(causeOfError(error))
  }
  const closing = close(call)
  if (closing) await closing
}

/** The cause of a call that an error has ended. Where it was over already, its own cause stands. */
export function causeOfError(error: unknown): CallCause {
  if (error instanceof ResourceUnavailable) {
    return causeOf('switch', reasonOf(error.refusal), error.message)
  }
  if (error instanceof TielineError && error.verdict.code in CAUSES) return causeOf('switch', error.verdict.code as Reason)
  return causeOf('switch', 'fault')
}

function reasonOf({ kind, limitedBy }: Refusal): Reason {
  if (kind === 'voice.transcode') return 'transcoding'
  if (limitedBy === 'class') return 'barred'
  if (limitedBy === 'velocity' || limitedBy === 'spend') return 'toll-limit'
  if (limitedBy === 'balance') return 'no-balance'
  return limitedBy === 'ceiling' ? 'ceiling' : 'pool'
}
