import { TielineError } from '#lib/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { Alerting, CallCause, SubscriberConfig } from '#platform/words/index.ts'
import type { Attempt } from './attempt.ts'
import type { Call } from './call.ts'
import { answerCaller, callerSettled } from './connect.ts'
import { answerBody } from './dialog.ts'
import type { Exchange } from './exchange.ts'
import { OVER, verbError } from './over.ts'
import type { Patience } from './patience.ts'
import { causeOfError } from './run.ts'
import { audible, move, takeOver } from './take-over.ts'
import type { Joiner } from './wish.ts'

/** While a call rings somewhere, somebody else of its subscriber may take it: CSTA Directed Pickup Call, RFC 3891 §3. */
export class Pickup implements Disposable {
  readonly call: Call
  /** Whoever it rang at has answered. */
  answered = false
  #onCame: ((joiner: Joiner) => void) | null = null
  #onOver: readonly ((cause: CallCause) => void)[] = []
  #taken: { joiner: Joiner; refuse(cause: CallCause): void } | null = null
  #over: CallCause | null = null

  constructor(call: Call) {
    this.call = call
    call.pickup = this
  }

  /** Tells `run` of the first one that comes, or comes next; at once where it is there already. */
  onCame(run: (joiner: Joiner) => void): void {
    this.#onCame = run
    if (this.#taken) run(this.#taken.joiner)
  }

  /** Whoever comes first has the call, which ends its own. Resolves with why somebody has not got it, and else never. */
  take(joiner: Joiner): Promise<CallCause> {
    if (this.#over || this.#taken) return Promise.resolve(this.#over ?? causeOf('switch', 'answered-elsewhere'))
    const { promise, resolve } = Promise.withResolvers<CallCause>()
    this.#taken = { joiner, refuse: resolve }
    this.#onCame?.(joiner)
    return promise
  }

  /** Whoever has come could not be had: it is told, and the next one may come while it rings on. */
  failed(cause: CallCause): void {
    this.#taken?.refuse(cause)
    this.#taken = null
  }

  /** Whether it rings at this user of the site, or for its sake. */
  ringsAt(user: string): boolean {
    return this.call.legs.some((leg) => ringsAt(leg, user))
  }

  /** Tells `run` when it rings no more, and why. What comes back takes that back. */
  onOver(run: (cause: CallCause) => void): () => void {
    this.#onOver = [...this.#onOver, run]
    return () => {
      this.#onOver = this.#onOver.filter((other) => other !== run)
    }
  }

  /** It rings no more. Whoever came and did not get the call is told, and so is whoever is on the way. */
  [Symbol.dispose](): void {
    const { call } = this
    if (call.pickup === this) call.pickup = null
    const answered = this.answered || call.phase === 'joined'
    this.#over = call.cause ?? causeOf('switch', answered ? 'answered-elsewhere' : 'no-dialog')
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

/** What becomes of whoever has come. */
export interface Taking {
  joiner: Joiner
  /** Run last, when nothing stands in the way: who rings is let go. @throws TielineError where somebody has answered meanwhile */
  letGo(): void
}

/**
 * Waits until somebody answers where it rings, or somebody else has taken the call before that. It rings on until then: whoever comes
 * and can't be had is told, and so is whoever comes while another one is on its way in. @throws CallOver
 */
export function answerOrPickup(
  pickup: Pickup,
  { searching, patience, takeIn }: { searching: Promise<Attempt>; patience: Patience; takeIn(taking: Taking): Promise<Leg> },
): Promise<Attempt | { kind: 'picked'; leg: Leg }> {
  const { call } = pickup
  let found = false
  let coming = false
  return new Promise((resolve, reject) => {
    const settled = (settle: () => void) => {
      found = true
      if (!coming) settle()
    }
    searching.then(
      (end) => settled(() => resolve(end)),
      (error: unknown) => settled(() => reject(error)),
    )
    const letGo = (joiner: Joiner) => {
      if (found) throw new AnsweredElsewhere()
      tellDiverted(call, joiner)
      patience.end(causeOf('switch', 'answered-elsewhere'))
    }
    pickup.onCame(async (joiner) => {
      // It stays with the pickup for whoever looks next.
      if (found) return
      coming = true
      try {
        const leg = await takeIn({ joiner, letGo: () => letGo(joiner) })
        const late = await searching.catch(() => null)
        if (late?.kind === 'answered') late.leg.end(causeOf('switch', 'answered-elsewhere'))
        resolve({ kind: 'picked', leg })
      } catch (error) {
        if (call.cause) return reject(OVER)
        if (!(error instanceof TielineError)) return reject(error)
        coming = false
        pickup.failed(joiner.call.cause ?? causeOfError(error))
        if (found) resolve(searching)
      }
    })
  })
}

/** Who picks up was not the first one. */
class AnsweredElsewhere extends TielineError {
  constructor() {
    super('it has been answered', { code: 'answered-elsewhere', fault: 'caller', retry: false, http: 409 })
    this.name = 'AnsweredElsewhere'
  }
}

/**
 * Whoever has come, and has been answered already, gets the call in the place of those that ring: its caller is answered, and the two
 * are joined. Rejects with all as it was, but for a call that is over. @throws TielineError
 */
export async function pickedUp(call: Call, a: Leg, { joiner, letGo }: Taking): Promise<Leg> {
  const bare = !call.media.has(a.id)
  await callerSettled(call)
  joiner.call.throwIfOver()
  try {
    await takeOver(call, joiner, a, {
      cause: causeOf('switch', 'picked-up'),
      freed: () => ringing(call).flatMap((leg) => call.leasesOf(leg)),
      begin() {
        const content = a.incoming ? answerBody(call, a, joiner.leg, joiner.call) : null
        letGo()
        if (content !== null) answerCaller(call, content)
      },
    })
  } catch (error) {
    if (bare && !isRelayed(call, a)) call.closeMedia(a)
    throw error
  }
  call.event('leg.transferred', { leg: a, data: { by: 'pick-up', to: joiner.leg.id, call: joiner.call.id } })
  call.answered(a)
  call.answered(joiner.leg)
  call.phase = 'joined'
  call.save()
  return joiner.leg
}

/**
 * Somebody is called first whom a call is placed for (click to dial), and whoever has come takes that place: it is the call's first leg
 * from now on. Rejects with all as it was. @throws TielineError
 */
export async function takesPlace(call: Call, { joiner, letGo }: Taking): Promise<Leg> {
  const { call: from, leg } = joiner
  await audible(from, leg)
  from.throwIfOver()
  call.throwIfOver()
  letGo()
  call.originating = false
  move(call, joiner, causeOf('switch', 'picked-up'))
  call.event('leg.transferred', { leg, data: { by: 'pick-up', to: leg.id, call: from.id } })
  call.answered(leg)
  call.phase = 'verb'
  call.save()
  return leg
}

/**
 * Whether somebody else of the call has a port of ours: who rings, or has answered while somebody was on the way in. Where nobody has,
 * the first leg does without one again.
 */
export function isRelayed(call: Call, a: Leg): boolean {
  const others = call.legs.filter((leg) => leg !== a && !leg.cause)
  return others.some((leg) => call.leasesOf(leg).some(({ kind }) => kind === 'voice.port'))
}

/** Those that are being called. */
function ringing({ legs }: Call): Leg[] {
  return legs.filter((leg) => !leg.cause && leg.facts.direction === 'out' && !leg.isConnected)
}

/** CSTA Diverted, with the cause Call Pickup: each leg that rings is told of before it is let go. */
function tellDiverted(call: Call, { leg: taker }: Joiner): void {
  for (const leg of ringing(call)) {
    const data = { from: leg.facts.party.number, to: taker.facts.party.number, why: 'pick-up' }
    call.event('leg.diverted', { leg, cause: causeOf('switch', 'answered-elsewhere'), data })
  }
}
