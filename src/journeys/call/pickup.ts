import { TielineError } from '#lib/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { Alerting, CallCause, SubscriberConfig } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { answerCaller, callerSettled } from './connect.ts'
import { answerBody } from './dialog.ts'
import type { Exchange } from './exchange.ts'
import { verbError } from './over.ts'
import { causeOfError } from './run.ts'
import { takeOver } from './take-over.ts'
import type { Joiner } from './wish.ts'

/** While a call rings somewhere, somebody else of its subscriber may take it: CSTA Directed Pickup Call, RFC 3891 §3. */
export class Pickup implements Disposable {
  readonly call: Call
  readonly #came = Promise.withResolvers<{ kind: 'picked'; joiner: Joiner }>()
  readonly #onOver = new Set<(cause: CallCause) => void>()
  #taken: { joiner: Joiner; refuse(cause: CallCause): void } | null = null
  #over: CallCause | null = null

  constructor(call: Call) {
    this.call = call
    call.pickup = this
  }

  /** Resolves with the first one that comes; stays unsettled where nobody does. */
  get came(): Promise<{ kind: 'picked'; joiner: Joiner }> {
    return this.#came.promise
  }

  /** Whoever comes first has the call, which ends its own. Resolves with why somebody has not got it, and else never. */
  take(joiner: Joiner): Promise<CallCause> {
    if (this.#over || this.#taken) return Promise.resolve(this.#over ?? causeOf('switch', 'answered-elsewhere'))
    const { promise, resolve } = Promise.withResolvers<CallCause>()
    this.#taken = { joiner, refuse: resolve }
    this.#came.resolve({ kind: 'picked', joiner })
    return promise
  }

  /** Whether it rings at this user of the site, or for its sake. */
  ringsAt(user: string): boolean {
    return this.call.legs.some((leg) => ringsAt(leg, user))
  }

  /** Tells `run` when it rings no more, and why. What comes back takes that back. */
  onOver(run: (cause: CallCause) => void): () => void {
    this.#onOver.add(run)
    return () => void this.#onOver.delete(run)
  }

  /** It rings no more. Whoever came and did not get the call is told, and so is whoever is on the way. */
  [Symbol.dispose](): void {
    const { call } = this
    if (call.pickup === this) call.pickup = null
    const elsewhere = call.phase === 'joined' ? causeOf('switch', 'answered-elsewhere') : causeOf('switch', 'no-dialog')
    this.#over = call.cause ?? elsewhere
    if (this.#taken && !call.legs.includes(this.#taken.joiner.leg)) this.#taken.refuse(this.#over)
    for (const run of this.#onOver) run(this.#over)
  }
}

/**
 * What rings for a subscriber, as somebody names it who wants to take it. Others' calls are as if they were not there (T02).
 * @throws invalid-argument, which says what it does instead
 */
export function alertingCall(x: Exchange, subscriber: SubscriberConfig['id'], what: Alerting): Pickup {
  const found = find(x, subscriber, what)
  if (!found) throw verbError('invalid-argument', 'user' in what ? 'nothing rings there' : 'there is no such call')
  if (!found.pickup) throw verbError('invalid-argument', found.phase === 'joined' ? 'it is answered' : 'it does not ring')
  if (found.facts.emergency) throw verbError('invalid-argument', 'nobody comes between an emergency call and whom it is for')
  return found.pickup
}

/** For a user whatever has rung there for the longest. */
function find(x: Exchange, subscriber: SubscriberConfig['id'], what: Alerting): Call | undefined {
  for (const call of x.calls.values()) {
    if (call.subscriber.id !== subscriber || call.cause) continue
    if ('call' in what && call.id === what.call) return call
    if ('leg' in what && call.legs.some((leg) => leg.id === what.leg && !leg.cause)) return call
    if ('user' in what && call.pickup?.ringsAt(what.user)) return call
  }
  return undefined
}

/** Whether it rings at a telephone or extension of the site that has this name, or at another one for this user's sake. */
function ringsAt(leg: Leg, user: string): boolean {
  if (leg.cause || !leg.outgoing) return false
  return leg.users.includes(user) || (leg.facts.via === 'channel' && leg.facts.party.number === user)
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
      if (a.incoming) answerCaller(call, answerBody(call, a, joiner.leg, joiner.call))
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

/** CSTA Diverted, with the cause Call Pickup: each leg that rings is told of before it is let go. */
export function tellDiverted(call: Call, { leg: taker }: Joiner): void {
  for (const leg of call.legs) {
    if (leg.cause || !leg.outgoing) continue
    const data = { from: leg.facts.party.number, to: taker.facts.party.number, why: 'pick-up' }
    call.event('leg.diverted', { leg, cause: causeOf('switch', 'answered-elsewhere'), data })
  }
}
