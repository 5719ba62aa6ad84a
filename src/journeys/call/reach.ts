import type { ResourceUnavailable } from '#platform/resource/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import { causeOf, dialStatus, emergencyCaller, type Reason, type ShownCaller, shownCaller } from '#platform/trunk/index.ts'
import type { CallCause, CallOut, DialResult, DialStrategy, Target, Via } from '#platform/words/index.ts'
import type { Attempt, AttemptOptions } from './attempt.ts'
import type { Call } from './call.ts'
import { connect } from './connect.ts'
import type { Ears } from './ears.ts'
import { attemptAll, firstOf } from './fork.ts'
import { Patience } from './patience.ts'
import { answerOrPickup, Pickup, pickedUp, type Taking } from './pickup.ts'
import { type Music, Ringing } from './ringing.ts'
import { type Road, roadsTo } from './road.ts'
import { callUser, type UserSearch } from './user.ts'
import { walkRoads } from './walk.ts'

export interface ReachOptions {
  /** Several are tried by `strategy`: at once unless it says `serial`; each has `timeoutMs` for itself then. */
  target: Target | readonly Target[]
  strategy?: DialStrategy | undefined
  via?: Via | undefined
  /** Ms that the far end may ring. */
  timeoutMs: number
  /** One of the subscriber's own numbers, to be shown instead of the caller's. */
  callerId?: string | undefined
  /** Aborts with a cause when whoever wanted this has given it up. */
  signal?: AbortSignal
  /** What the caller hears while it rings; its audio is there. */
  music?: Music | undefined
  /** Listens to the tones of early audio, and to whoever answers. */
  ears?: Ears | undefined
  /** Whom the far end is to talk to, and who hears it ring; the call's first leg unless said. */
  listener?: Leg | undefined
  /** Audio has to pass through voice. */
  relay?: boolean
}

/**
 * Takes the roads to a target in their order and, when it answers, joins it to the call's first leg, or another one.
 * Several targets ring at once, or one after the other. Resolves with the leg, or with why there is none; the first leg is
 * still up then. Rejects with CallOver when the call ends, with ResourceUnavailable when all of them were refused a lease.
 */
export async function reach(call: Call, options: ReachOptions): Promise<{ leg: Leg } | { failed: DialResult }> {
  const { target, strategy } = options
  const targets = Array.isArray(target) ? target : [target]
  const turns = strategy === 'serial' ? targets.map((one) => [one]) : [targets]
  using ringing = new Ringing(call, options)
  using pickup = new Pickup(call)
  let last: CallCause = causeOf('switch', 'no-route')
  let refused: ResourceUnavailable | undefined
  let asked = false
  for (const turn of turns) {
    using patience = new Patience(call, options)
    const alone = turn.length === 1
    const single = targets.length === 1
    const search: Search = { call, options, ringing, patience, alone, single, path: NONE, sentOn: NONE }
    const [only] = turn
    const searching = Promise.resolve(
      alone && only ? walk(search, only) : firstOf(turn.map((one) => (onLeg) => walk({ ...search, onLeg }, one))),
    )
    const takeIn = (taking: Taking) => pickedUp(call, options.listener ?? call.a, taking)
    const end = await answerOrPickup(pickup, { searching, patience, takeIn })
    if (end.kind === 'picked') {
      ringing.answered()
      // Nobody whom it was listened for has answered.
      options.ears?.[Symbol.dispose]()
      return { leg: end.leg }
    }
    call.throwIfOver()
    if (end.kind === 'answered') {
      patience.satisfied()
      ringing.answered()
      await connect(call, end.leg, end.session, {
        early: ringing.answerOf(end.leg),
        listener: options.listener,
      })
      options.ears?.answered(end.leg)
      return { leg: end.leg }
    }
    if (end.refused) refused ??= end.refused
    else {
      asked = true
      last = end.cause
    }
    // Nobody waits for the next one, or nobody is to be asked any more (RFC 3261 §21.6).
    if (options.signal?.aborted || (end.cause.sip ?? 0) >= 600) break
    ringing.next()
  }
  if (refused && !asked) throw refused
  return failed(call, last)
}

const NONE: readonly never[] = []

interface Search extends UserSearch {
  options: ReachOptions
}

/** A user by what is stored for it, anything else by its roads. */
function walk(search: Search, target: Target, itself = false): Promise<Attempt> | Attempt {
  return 'user' in target && !itself ? callUser(search, target.user, walk) : takeRoads(search, target)
}

/** The roads to one target in their order, until one of them answers or has said why not. */
function takeRoads(search: Search, target: Target): Promise<Attempt> | Attempt {
  const { call, options, ringing, patience, alone, single, onLeg, path, sentOn } = search
  const directory = call.x.directory()
  const contacts = (user: string) => call.x.telephones.contacts(call.subscriber.id, user)
  const roads = roadsTo(target, { via: options.via, subscriber: call.subscriber, directory, contacts })
  if ('refused' in roads) return nowhere(roads.refused)
  const out: CallOut = { counted: [] }
  return walkRoads(call, patience, roads, (group, lastRoad) => {
    const road = group[0]!
    const emergency = road.via === 'trunk' && directory.isEmergency(road.number)
    const shown = show(call, road, emergency, options.callerId)
    if ('refused' in shown) return nowhere('caller-id')
    const how: AttemptOptions = {
      call,
      road,
      shown,
      out,
      emergency,
      direct: options.relay !== true && single && takesDirect(call, road),
      listener: options.listener,
      patience,
      lastRoad,
      users: path,
      sentOn,
      onProvisional: (leg, response) => ringing.provisional(leg, response, { alone: alone && group.length === 1 }),
    }
    if (onLeg) how.onLeg = onLeg
    return attemptAll(how, group)
  })
}

function nowhere(reason: Reason): Attempt {
  return { kind: 'failed', leg: null, cause: causeOf('switch', reason), moveOn: false }
}

function failed(call: Call, cause: CallCause): { failed: DialResult } {
  call.failure = cause
  return { failed: { status: dialStatus(cause), durationSeconds: 0, cause } }
}

/** What the far end is shown: the site sees the caller as it is, a carrier only what the subscriber may show. */
function show(call: Call, road: Road, emergency: boolean, wished: string | undefined): ShownCaller | { refused: 'caller-id' } {
  const { from: party, anonymous, direction } = call.facts
  if (emergency) return emergencyCaller(call.subscriber)
  if (road.via === 'channel' && wished === undefined) {
    return { number: party.number, anonymous, ...(party.name ? { name: party.name } : {}) }
  }
  const { subscriber } = call
  if (direction === 'in') return shownCaller({ subscriber, wished, vouched: { party, anonymous } })
  return shownCaller({ subscriber, wished, presented: party })
}

/** Audio passes by us only between two trunks that both say so, and where nothing of ours has been heard yet. */
function takesDirect(call: Call, road: Road): boolean {
  const { a } = call
  const arrival = a.facts.trunk && call.x.directory().byName(a.facts.trunk)
  const unheard = !call.media.has(a.id) && a.incoming !== null && a.incoming.request.description.length > 0
  return road.via === 'trunk' && road.trunk.media === 'direct' && arrival?.media === 'direct' && unheard
}
