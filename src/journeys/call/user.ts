import type { Leg } from '#platform/switch/index.ts'
import { causeOf, type Reason } from '#platform/trunk/index.ts'
import type {
  CallCause,
  Forward,
  ForwardTarget,
  Party,
  RingStep,
  SubscriberConfig,
  Target,
  UserConfig,
} from '#platform/words/index.ts'
import type { Attempt } from './attempt.ts'
import type { Call } from './call.ts'
import type { Exchange } from './exchange.ts'
import { firstOf, tell } from './fork.ts'
import type { SentOn } from './identity.ts'
import type { Patience } from './patience.ts'
import type { Ringing } from './ringing.ts'

/** Users that a call may be sent on from before it counts as going round. */
const MOST_TURNS = 5

/** What is being looked for, and what has become of it until now. */
export interface UserSearch {
  call: Call
  ringing: Ringing
  patience: Patience
  /** No other target rings at the same time. */
  alone: boolean
  /** There is no other target at all. */
  single: boolean
  /** Users that have been asked on the way here. */
  path: readonly string[]
  /** Those of them that have sent the call on, the last one first. */
  sentOn: readonly SentOn[]
  onLeg?: (leg: Leg) => void
}

type Failed = Attempt & { kind: 'failed' }

/** Takes the roads to one target. `itself`: of a user its own telephone alone. */
type Take<S> = (search: S, target: Target, itself: boolean) => Promise<Attempt> | Attempt

/** Whether the site has a telephone or another user of this name. */
export function isUser(x: Exchange, subscriber: SubscriberConfig, name: string): boolean {
  return x.telephones.knows(subscriber.id, name) || subscriber.users?.some((user) => user.name === name) === true
}

/** Whether whoever calls from the site is one of its telephones, which has proven it, and not its PBX. */
export function isTelephone(x: Exchange, { id, site }: SubscriberConfig, { number }: Party): boolean {
  return number !== site.pbx?.account && x.telephones.knows(id, number)
}

/** Calls a user by its stored data: what of it rings in which order, and where the call goes when nobody answers. */
export async function callUser<S extends UserSearch>(search: S, name: string, take: Take<S>): Promise<Attempt> {
  const user = search.call.subscriber.users?.find((candidate) => candidate.name === name)
  if (!user) return take(search, { user: name }, true)
  if (search.path.includes(name) || search.path.length >= MOST_TURNS) return nowhere('loop')
  const on: S = { ...search, path: [...search.path, name] }
  const { unconditional } = user.forward ?? {}
  if (unconditional) return sendOn(on, name, unconditional, 'unconditional', take)
  const end = await ring(on, user, take)
  search.call.throwIfOver()
  if (end.kind === 'answered' || search.patience.spent) return end
  const why = whyFor(end.cause, end.leg)
  const to = why && targetOf(user.forward, why)
  return to ? sendOn(on, name, to, why, take) : end
}

/** Step after step, none longer than it may, and all of them no longer than until the call is to be sent on. */
async function ring<S extends UserSearch>(search: S, user: UserConfig, take: Take<S>): Promise<Attempt> {
  const { call } = search
  const limit = user.forward?.noAnswer?.afterSeconds
  using whole = search.patience.part(call, limit)
  const steps: readonly RingStep[] = user.ring ?? [{ at: [{ user: user.name }], seconds: Number.POSITIVE_INFINITY }]
  let last: Failed | null = null
  for (const { at, seconds } of steps) {
    using patience = whole.part(call, seconds)
    const alone = search.alone && at.length === 1
    const one = (target: ForwardTarget, onLeg?: (leg: Leg) => void) => {
      const single = search.single && at.length === 1
      const next: S = { ...search, patience, alone, single, ...(onLeg ? { onLeg } : {}) }
      return take(next, target, 'user' in target && target.user === user.name)
    }
    const [only] = at
    const end =
      only && at.length === 1
        ? await one(only)
        : await firstOf(at.map((target) => (onLeg) => one(target, (leg) => tell(leg, onLeg, search.onLeg))))
    if (end.kind === 'answered' || search.patience.spent) return end
    if (!last || saysMore(end, last)) last = end
    if (whole.spent || (end.cause.sip ?? 0) >= 600 || end.cause.reason === 'answered-elsewhere') return end
    search.ringing.next()
  }
  return last ?? nowhere('unavailable')
}

/** Whoever could not even be rung says less than one who did not answer, and one that may not be called less than either. */
function saysMore(end: Failed, last: Failed): boolean {
  if (end.refused || last.refused) return !end.refused
  return whyFor(end.cause, end.leg) !== 'unregistered' || last.cause.reason === 'unavailable'
}

/** Sends the call on: its caller is told (RFC 3261 §21.1.3), and so is everybody who reads its events. */
async function sendOn<S extends UserSearch>(
  search: S,
  user: string,
  to: ForwardTarget,
  why: SentOn['why'],
  take: Take<S>,
): Promise<Attempt> {
  const { call } = search
  const refused = outside(call, to)
  if (refused) return nowhere(refused)
  call.event('leg.diverted', { data: { from: { user }, to, why } })
  search.ringing.next()
  search.ringing.sentOn()
  return take({ ...search, sentOn: [{ user, why }, ...search.sentOn] }, to, false)
}

/** Why a call may not leave the site again: a number outside is allowed by policy alone, and for each call once. */
function outside({ x, subscriber, facts }: Call, to: ForwardTarget): Reason | null {
  if (!('number' in to)) return null
  if (subscriber.forwardOutside === 'denied' || x.directory().isEmergency(to.number)) return 'forward-denied'
  // The network has sent it back: whoever is called now had sent it on before (RFC 5806 §3).
  return facts.diversions?.some(({ number }) => number === facts.to.number) ? 'loop' : null
}

/** Which of a user's rules counts for this end; undefined where none does. */
function whyFor({ by, reason }: CallCause, leg: Leg | null): Exclude<SentOn['why'], 'unconditional'> | undefined {
  if (reason === 'busy' || reason === 'busy-everywhere') return 'busy'
  if (reason === 'no-answer' || (reason === 'unavailable' && by === 'callee')) return 'noAnswer'
  if (by === 'network' || (reason === 'unavailable' && !leg)) return 'unregistered'
  return undefined
}

function targetOf(forward: Forward | undefined, why: keyof Forward): ForwardTarget | undefined {
  return why === 'noAnswer' ? forward?.noAnswer?.to : forward?.[why]
}

function nowhere(reason: Reason): Failed {
  return { kind: 'failed', leg: null, cause: causeOf('switch', reason), moveOn: false }
}
