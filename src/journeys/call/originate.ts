import { type Id, isId, type TielineError } from '#lib/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import { causeOf, e164, emergencyCaller, type ShownCaller, shownCaller } from '#platform/trunk/index.ts'
import { type CallCause, type CallOut, instantOf, type Party, type Target, type VerbMethods } from '#platform/words/index.ts'
import type { Session, SipResponse } from '#protocol/sip/index.ts'
import { attend } from './attend.ts'
import { Call } from './call.ts'
import { dial } from './dial.ts'
import { type Ears, ears } from './ears.ts'
import type { Exchange } from './exchange.ts'
import { attemptAll } from './fork.ts'
import { CallOver, callOver, verbError } from './over.ts'
import { Patience } from './patience.ts'
import { alertingCall, answerOrPickup, Pickup, takesPlace } from './pickup.ts'
import type { ProgressEar } from './progress.ts'
import { type Road, roadsTo } from './road.ts'
import { run } from './run.ts'
import { walkRoads } from './walk.ts'

type Wanted = VerbMethods['call.make']['params']

/** How long whoever is called first may ring where nothing is said, ms. */
const RING_MS = 30_000

/**
 * Third-party make call (click to dial): `from` is called, and when it has answered, `to`, which it hears ring; or the call is
 * handed to the agent as one that has been answered; or it takes what rings elsewhere. Resolves when `from` is being called; the same id again is the same call.
 * Rejects with ResourceUnavailable when a lease is refused, with `verb-failed` when there is no way to `from`.
 */
export function originate(
  x: Exchange,
  id: Id<'sub'>,
  wanted: Wanted,
  by: 'agent' | 'operator' | 'subscriber',
): Promise<{ call: Id<'call'> }> {
  const subscriber = x.configuration.subscriber(id)
  if (!subscriber || !isId('call', wanted.call))
    return Promise.reject(verbError('invalid-argument', 'call is the id of a call to be'))
  const known = x.calls.get(wanted.call)
  if (known && known.subscriber.id !== id) return Promise.reject(callOver())
  if (known) return Promise.resolve({ call: known.id })
  let pickup: Pickup | null = null
  try {
    pickup = pickUpOf(x, id, wanted)
  } catch (error) {
    return Promise.reject(error)
  }
  const call = new Call(x, subscriber, {
    ...{ id: wanted.call, direction: 'out', startedAt: instantOf(x.clock, x.boot), made: true },
    ...{ from: partyOf(wanted.from), to: pickup?.call.facts.from ?? calledParty(subscriber, wanted) },
    ...{ anonymous: false, maxForwards: 70, emergency: isEmergency(x, wanted.to) },
  })
  call.originating = true
  const { promise, resolve, reject } = Promise.withResolvers<{ call: Id<'call'> }>()
  void run(call, async () => {
    using listening = listens(call, wanted, reject)
    try {
      let begun = false
      const onLeg = () => {
        if (!begun) call.event('call.originated', { data: { from: wanted.from, to: wanted.to, by } })
        begun = true
        resolve({ call: call.id })
      }
      pickup?.onOver((cause) => call.end(cause))
      await raise(call, wanted, { onLeg, ears: listening })
    } catch (error) {
      // As nobody is being called, whoever asked is told; afterwards the events tell.
      reject(error instanceof CallOver ? notReached(call) : error)
      throw error
    }
    await goOn(call, wanted, { listening, pickup })
  })
  return promise
}

/** Leased before anybody is called. @throws ResourceUnavailable, which whoever asked is told */
function listens(call: Call, { amd, progress }: Wanted, refuse: (error: unknown) => void): Ears | null {
  if (!amd && !progress) return null
  try {
    return ears(call, { amd, progress }, null)
  } catch (error) {
    refuse(error)
    throw error
  }
}

/** What `from` is called to take, which has to ring. @throws invalid-argument */
function pickUpOf(x: Exchange, id: Id<'sub'>, { from, to }: Wanted): Pickup | null {
  if (to === 'agent' || !('pickUp' in to)) return null
  const pickup = alertingCall(x, id, to.pickUp)
  if ('user' in from && pickup.ringsAt(from.user)) throw verbError('invalid-argument', 'it rings there already')
  return pickup
}

/** `from` is on the line. */
async function goOn(
  call: Call,
  { to, callerId }: Wanted,
  { listening, pickup }: { listening: Ears | null; pickup: Pickup | null },
): Promise<void> {
  if (pickup) return call.end(await call.whileUp(pickup.take({ call, leg: call.a })))
  if (to === 'agent') {
    listening?.answered(call.a)
    call.answering = listening?.answering ?? null
    call.decided = true
    const departure = await attend(call, 'offered')
    call.end(causeOf('agent', departure === 'returned' ? 'agent-returned' : 'left-alone'))
    return
  }
  // That `from` was somebody is known by whoever is called now.
  listening?.progress?.answered(call.a, null)
  const target = to as Target
  const result = await dial(call, { target, callerId, timeoutMs: call.x.limits.ringMs, ears: listening ?? undefined })
  call.end(result.cause)
}

/** Calls `from` on the roads that lead there. Resolves when it has answered; else the call is over. @throws CallOver, ResourceUnavailable */
async function raise(call: Call, wanted: Wanted, { onLeg, ears }: { onLeg: () => void; ears: Ears | null }): Promise<void> {
  const { subscriber, x } = call
  const directory = x.directory()
  const contacts = (user: string) => x.telephones.contacts(subscriber.id, user)
  const roads = roadsTo(wanted.from, { subscriber, directory, contacts })
  if ('refused' in roads) give(call, causeOf('switch', roads.refused))
  const timeoutMs = wanted.timeoutSeconds === undefined ? RING_MS : wanted.timeoutSeconds * 1000
  using patience = new Patience(call, { timeoutMs })
  const rung = new Set<Leg>()
  const onProvisional = (leg: Leg, { status, description }: SipResponse) => {
    if (ears?.progress && description.length > 0) hearEarly(call, leg, description, ears.progress)
    if (status > 100) leg.alert()
    if (status > 100 && !rung.has(leg)) call.event('leg.delivered', { leg, data: { sip: status } })
    if (status > 100) rung.add(leg)
  }
  const out: CallOut = { counted: [] }
  using pickup = new Pickup(call)
  const search = walkRoads(call, patience, roads, (group, lastRoad) => {
    const road = group[0]!
    // Whom an emergency is told by is called at the subscriber's cost all the same, where that is outside (PITFALLS F14).
    const emergency = road.via === 'trunk' ? directory.isEmergency(road.number) : call.facts.emergency
    const shown = shownTo(call, road, wanted.callerId)
    if ('refused' in shown) give(call, causeOf('switch', 'caller-id'))
    const how = {
      call,
      road,
      shown,
      out,
      emergency,
      direct: false,
      patience,
      lastRoad,
      users: [],
      sentOn: [],
      onProvisional,
      onLeg,
    }
    return attemptAll(how, group)
  })
  const searching = Promise.resolve(search)
  const end = await answerOrPickup(pickup, { searching, patience, takeIn: (taking) => takesPlace(call, taking) })
  call.throwIfOver()
  if (end.kind === 'failed') {
    if (end.refused) throw end.refused
    give(call, end.cause)
  }
  pickup.answered = true
  patience.satisfied()
  if (end.kind === 'answered') answered(call, end.leg, end.session)
}

/** Whoever is called first has early audio, which nobody hears but for the tones in it. */
function hearEarly(call: Call, leg: Leg, description: Uint8Array, ear: ProgressEar): void {
  try {
    call.media.get(leg.id)?.readAnswer(description)
    ear.listen(leg)
  } catch (error) {
    call.log.info({ err: error, leg: leg.id }, 'early audio cannot be listened to')
  }
}

/** The call has its first leg. */
function answered(call: Call, leg: Leg, session: Session): void {
  call.originating = false
  if (leg.cause) give(call, leg.cause)
  try {
    call.media.get(leg.id)?.readAnswer(session.remoteBody)
  } catch (error) {
    leg.end(causeOf('switch', 'not-acceptable'))
    throw error
  }
  leg.listen()
  call.event('leg.established', { leg })
  call.answered(leg)
  call.phase = 'verb'
  call.save()
}

function give(call: Call, cause: CallCause): never {
  call.end(cause)
  throw callOver(cause)
}

function notReached({ cause }: Call): TielineError {
  return verbError('verb-failed', `whoever was to be called first cannot be: ${cause?.text ?? cause?.reason ?? 'it is over'}`)
}

/** Somebody at the site sees whom it is going to talk to; a carrier what the subscriber may show (PITFALLS F10). */
function shownTo(call: Call, road: Road, callerId: string | undefined): ShownCaller | { refused: 'caller-id' } {
  const { subscriber, facts } = call
  if (facts.emergency) return emergencyCaller(subscriber)
  if (road.via === 'channel') return { number: facts.to.number, anonymous: false }
  return shownCaller({ subscriber, wished: callerId, presented: { number: '' } })
}

function partyOf(target: Target): Party {
  if ('pbx' in target) return { number: target.pbx }
  if ('user' in target) return { number: target.user }
  if ('sip' in target) return { number: target.sip.replace(/^sips?:|@.*$/gi, ''), uri: target.sip }
  return { number: e164(target.number) ?? target.number }
}

/** A call of the agent's own is for the number that it shows. */
function calledParty({ numbers }: Call['subscriber'], { to, callerId }: Wanted): Party {
  if (to !== 'agent' && !('pickUp' in to)) return partyOf(to)
  return { number: callerId ?? numbers[0]?.number ?? 'anonymous' }
}

function isEmergency(x: Exchange, to: Wanted['to']): boolean {
  return to !== 'agent' && 'number' in to && x.directory().isEmergency(to.number)
}
