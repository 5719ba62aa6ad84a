import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import { type CallCause, type DialResult, durationMs, type VerbMethods } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { joinAudio } from './connect.ts'
import { ears } from './ears.ts'
import { holdLeg, lift } from './hold.ts'
import { failureOf, reachInstead } from './instead.ts'
import { watchLife } from './life.ts'
import { verbError } from './over.ts'
import { mayGoBack, pairUp } from './pair.ts'
import { promptOf } from './prompt.ts'
import { bothAudible } from './take-over.ts'
import { type Consultation, isFree, wish } from './wish.ts'

type Params<V extends keyof VerbMethods> = VerbMethods[V]['params']
type Result<V extends keyof VerbMethods> = VerbMethods[V]['result']

/** How long somebody who is consulted may ring where the program doesn't say, ms. */
const RING_MS = 30_000

/** Somebody is being consulted: what becomes of it is decided once. */
export interface Consulting {
  /** Null while it still rings. */
  leg: Leg | null
  decide(what: 'complete' | 'back'): void
}

/** CSTA Consultation Call: the dialled leg talks to somebody else, while the caller is held. Resolves when that one has answered, or not. */
export async function consult(call: Call, params: Params<'call.consult'>): Promise<Result<'call.consult'>> {
  const { promise, resolve } = Promise.withResolvers<Result<'call.consult'>>()
  const { target, timeoutSeconds, callerId, music, amd, progress } = params
  const timeoutMs = timeoutSeconds === undefined ? RING_MS : timeoutSeconds * 1000
  const source = music ? promptOf(call, music) : null
  using listening = isFree(call) && (amd || progress) ? ears(call, { amd, progress }) : null
  if (!wish(call, { kind: 'consult', target, timeoutMs, callerId, music: source, ears: listening, report: resolve })) {
    throw verbError('invalid-argument', 'only a dialled leg that is joined to the caller can consult somebody')
  }
  return await call.whileUp(promise)
}

/** CSTA Transfer Call: the caller goes on with whoever was consulted, and the dialled leg is let go. */
export function complete(call: Call): null {
  if (!call.consulting?.leg) throw verbError('invalid-argument', 'nobody who has answered is being consulted')
  call.consulting.decide('complete')
  return null
}

/** Carries a consultation out. Resolves with the leg that the caller talks to behind it, or with how the dialled leg ended. */
export async function follow(call: Call, wished: Consultation, b: Leg): Promise<{ leg: Leg } | DialResult> {
  const { a } = call
  using _room = mayGoBack(call)
  const joinedAt = call.x.registry.answeredSince(call.id, b.id) ?? call.now()
  const decision = Promise.withResolvers<'complete' | 'back'>()
  const consulting: Consulting = { leg: null, decide: decision.resolve }
  call.consulting = consulting
  const givenUp = new AbortController()
  void b.ended.then(() => givenUp.abort())
  void decision.promise.then(() => consulting.leg === null && givenUp.abort())
  const back = async (): Promise<{ leg: Leg } | DialResult> => {
    call.consulting = null
    await lift(call, a)
    if (b.cause) return { status: 'answered', durationSeconds: durationMs(joinedAt, call.now()) / 1000, cause: b.cause }
    await joinAudio(call, a, b)
    return { leg: b }
  }
  const failed = async ({ status, cause }: DialResult) => {
    const behind = await back()
    wished.report({ status, cause })
    return behind
  }
  try {
    try {
      await bothAudible(call, a, b)
      await holdLeg(call, a, { source: wished.music, by: 'consult' })
    } catch (error) {
      return await failed(failureOf(call, error))
    }
    const { target, timeoutMs, callerId, ears } = wished
    const how = { timeoutMs, callerId, listener: b, signal: givenUp.signal, ears: ears ?? undefined }
    const reached = await reachInstead(call, { target, ...how })
    if ('failed' in reached) return await failed(reached.failed)
    const c = reached.leg
    consulting.leg = c
    wished.report({ status: 'answered' })
    using _life = watchLife(call, [b, c])
    const end = await call.whileUp(Promise.race([decision.promise, b.ended, c.ended]))
    if (end !== 'complete' || c.cause || b.cause) {
      c.end(endOf(end))
      return await back()
    }
    try {
      // From here on nobody goes back.
      call.consulting = null
      pairUp(call, a, c)
    } catch (error) {
      call.consulting = consulting
      c.end(failureOf(call, error).cause)
      return await back()
    }
    call.event('leg.transferred', { leg: a, data: { by: b.id, to: c.id } })
    b.end(causeOf('agent', 'transferred'))
    await lift(call, a)
    await joinAudio(call, a, c)
    return { leg: c }
  } finally {
    call.consulting = null
    call.wish = null
  }
}

/** Why whoever was consulted is let go. */
function endOf(end: 'complete' | 'back' | CallCause): CallCause {
  return typeof end === 'string' ? causeOf('agent', 'consulted') : causeOf('switch', 'consulted', end.text)
}
