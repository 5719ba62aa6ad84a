import type { Id } from '#lib/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { CallView, VerbMethods } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { announce, changeSeat, leave } from './conference.ts'
import { complete, consult } from './consult.ts'
import type { Verb, VerbName } from './desk.ts'
import { pressKeys } from './digits.ts'
import type { Exchange } from './exchange.ts'
import { heard } from './gather.ts'
import { hold, retrieve } from './hold.ts'
import { joinedSoon } from './joined.ts'
import { originate } from './originate.ts'
import { callOver } from './over.ts'
import { parkJoined } from './park.ts'
import { pausePlay } from './prompt.ts'
import { pauseRecordings } from './recording.ts'
import { split } from './split.ts'
import { transferByCommand } from './transfer.ts'
import { hangup } from './verb.ts'
import { viewOf } from './view.ts'

type HoldParams = VerbMethods['call.hold']['params']
type Aside = (call: Call, params: never, signal: AbortSignal) => unknown

/** What acts on a verb that is being carried out, and so does not wait for it. */
const ASIDES = {
  'call.pauseRecording': pauseRecordings,
  'call.pausePlay': pausePlay,
  'call.heard': heard,
  'call.seat': changeSeat,
  'call.leave': leave,
  'call.announce': announce,
  'call.transfer': transferByCommand,
  'call.hold': (call: Call, params: HoldParams) => hold(call, params),
  'call.retrieve': retrieve,
  'call.consult': consult,
  'call.complete': complete,
  'call.split': split,
  'call.dtmf': pressKeys,
} satisfies Partial<Record<VerbName, Aside>>

/**
 * An agent's verb for one of its own calls. Verbs of a call are carried out in their order; `hangup` and what acts on a
 * verb that is being carried out wait for none of them, but what is for two joined legs waits a moment for an answer that may be
 * on its way. Rejects with `call-gone` where the call is over or not the subscriber's.
 */
export async function command(
  x: Exchange,
  subscriber: Id<'sub'>,
  name: VerbName,
  params: Verb['params'],
  signal: AbortSignal,
): Promise<unknown> {
  if (name === 'call.make') return originate(x, subscriber, params as VerbMethods['call.make']['params'], 'agent')
  const call = x.calls.get(params.call)
  if (!call || call.subscriber.id !== subscriber || !call.desk) throw callOver(causeOf('switch', 'hangup'))
  if (call.cause) throw callOver(call.cause)
  if (name === 'call.hangup') {
    call.decided = true
    return hangup(call)
  }
  const soon = joinedSoon(call, name)
  if (soon) await soon
  // What waits is parked in its turn, whoever talks at once.
  if (name === 'call.park' && call.phase === 'joined') return parkJoined(call, params as VerbMethods['call.park']['params'])
  const aside = (ASIDES as Partial<Record<VerbName, Aside>>)[name]
  if (aside) return aside(call, params as never, signal)
  // Its agent may have been lost while it waited.
  if (!call.desk) throw callOver(causeOf('switch', 'hangup'))
  return call.desk.submit(name, params, signal)
}

/** Ends a call from outside, in whatever state it is (PITFALLS R08). */
export function kill(x: Exchange, id: Id<'call'>): { found: boolean } {
  const call = x.calls.get(id)
  call?.end(causeOf('operator', 'killed'))
  return { found: call !== undefined }
}

/** The calls that are up; of one subscriber alone where it is named. */
export function list(x: Exchange, subscriber?: Id<'sub'>): CallView[] {
  const views: CallView[] = []
  for (const call of x.calls.values()) if (!subscriber || call.subscriber.id === subscriber) views.push(viewOf(call))
  return views
}
