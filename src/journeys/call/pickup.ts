import { TielineError } from '#lib/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { CallCause } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { answerCaller, callerSettled } from './connect.ts'
import { answerBody } from './dialog.ts'
import { causeOfError } from './run.ts'
import { takeOver } from './take-over.ts'
import type { Joiner } from './wish.ts'

/** While a call rings somewhere, somebody else of the site may take it (directed pickup, RFC 3891 §3). */
export class Pickup implements Disposable {
  readonly #call: Call
  readonly #came = Promise.withResolvers<{ kind: 'picked'; joiner: Joiner }>()
  #taken: Joiner | null = null

  constructor(call: Call) {
    this.#call = call
    call.pickup = this
  }

  /** Resolves with the first one that comes; stays unsettled where nobody does. */
  get came(): Promise<{ kind: 'picked'; joiner: Joiner }> {
    return this.#came.promise
  }

  /** False where somebody else was faster. */
  take(joiner: Joiner): boolean {
    if (this.#taken) return false
    this.#taken = joiner
    this.#came.resolve({ kind: 'picked', joiner })
    return true
  }

  /** It rings no more. Whoever came and did not get the call is let go. */
  [Symbol.dispose](): void {
    if (this.#call.pickup === this) this.#call.pickup = null
    const joiner = this.#taken
    if (joiner && !this.#call.legs.includes(joiner.leg)) joiner.call.end(causeOf('switch', 'no-dialog'))
  }
}

/**
 * Whoever has come, and has been answered already, gets the call in the place of those that rang: its caller is answered, and
 * the two are joined. Resolves with why that could not be; the first leg is still up then. @throws CallOver
 */
export async function pickedUp(call: Call, a: Leg, joiner: Joiner): Promise<{ leg: Leg } | { cause: CallCause }> {
  await callerSettled(call)
  if (joiner.call.cause) return { cause: joiner.call.cause }
  try {
    await takeOver(call, joiner, a, causeOf('switch', 'picked-up'), () => {
      if (a.incoming) answerCaller(call, answerBody(call, a))
    })
  } catch (error) {
    call.throwIfOver()
    if (!(error instanceof TielineError)) throw error
    return { cause: joiner.call.cause ?? causeOfError(error) }
  }
  call.event('leg.transferred', { leg: a, data: { by: 'pick-up', to: joiner.leg.id, call: joiner.call.id } })
  call.answered(a)
  call.answered(joiner.leg)
  call.phase = 'joined'
  call.save()
  return { leg: joiner.leg }
}
