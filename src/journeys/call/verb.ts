import type { Leg } from '#platform/switch/index.ts'
import { causeOf, rejection } from '#platform/trunk/index.ts'
import type { Heard, VerbMethods } from '#platform/words/index.ts'
import { answeredBy } from './answering.ts'
import type { Call } from './call.ts'
import { conference } from './conference.ts'
import type { Desk, Verb } from './desk.ts'
import { dial } from './dial.ts'
import { ears } from './ears.ts'
import { gather } from './gather.ts'
import { join, pickUp } from './join.ts'
import { verbError } from './over.ts'
import { park } from './park.ts'
import { answer, earlyAudio, kindsOf, lease, play, promptOf, record, say, type VerbLease } from './prompt.ts'
import { CallRecording } from './recording.ts'
import type { Music } from './ringing.ts'
import { stream } from './stream.ts'

type Params<V extends keyof VerbMethods> = VerbMethods[V]['params']

/** How long a dialled leg may ring where the program doesn't say, in ms (TwiML's default). */
const DIAL_MS = 30_000

/** Carries out one verb, leasing what it needs before it does anything. Resolves with the verb's result. */
export async function perform(call: Call, desk: Desk, verb: Verb): Promise<unknown> {
  // What only the agent hears of ends with it; a dialled leg may ring on, for the decision has been made.
  const signal = () => AbortSignal.any([call.signal, verb.signal, desk.lost])
  switch (verb.name) {
    case 'call.ring':
      call.a.incoming?.provisional(180)
      return null
    case 'call.answer':
      await answer(call)
      return null
    case 'call.reject':
      return reject(call, verb.params as Params<'call.reject'>)
    case 'call.hangup':
      return hangup(call)
    case 'call.play':
      return play(call, verb.params as Params<'call.play'>, signal())
    case 'call.say':
      return say(call, verb.params as Params<'call.say'>, signal())
    case 'call.gather':
      return gather(call, verb.params as Params<'call.gather'>, signal())
    case 'call.record':
      return record(call, verb.params as Params<'call.record'>, signal())
    case 'call.stream':
      return stream(call, verb.params as Params<'call.stream'>, signal())
    case 'call.conference':
      return conference(call, verb.params as Params<'call.conference'>, signal())
    case 'call.join':
      return join(call, verb.params as Params<'call.join'>)
    case 'call.park':
      return park(call, verb.params as Params<'call.park'>, signal())
    case 'call.pickUp':
      return pickUp(call, verb.params as Params<'call.pickUp'>)
    case 'call.answeredBy':
      return answeredBy(call, verb.params as Params<'call.answeredBy'>)
    case 'call.dial':
      return dialled(call, verb.params as Params<'call.dial'>)
  }
}

function reject(call: Call, { status, reason }: Params<'call.reject'>): null {
  if (!call.a.incoming) throw verbError('invalid-argument', 'the call is answered: it can be hung up, not rejected')
  call.end(rejection(status, reason))
  return null
}

/** Ends the call, answered or not. From the agent's side there is nothing left to be told: the result is its own news. */
export function hangup(call: Call): null {
  call.end(causeOf('agent', call.a.incoming ? 'rejected' : 'hangup'))
  return null
}

async function dialled(call: Call, params: Params<'call.dial'>): Promise<VerbMethods['call.dial']['result']> {
  const { target, strategy, via, timeoutSeconds, callerId, record, amd, progress } = params
  using music = params.ring ? await ringMusic(call, params.ring) : undefined
  using held = record ? lease(call, ['voice.record']) : null
  using listening = amd || progress ? ears(call, { amd, progress }) : null
  call.event('call.routed', { data: { by: 'agent', target } })
  const result = await dial(call, {
    target,
    strategy,
    via,
    callerId,
    timeoutMs: timeoutSeconds === undefined ? DIAL_MS : timeoutSeconds * 1000,
    music,
    ears: listening ?? undefined,
    ...(held && record ? { record: (b: Leg) => recordBoth(call, b, record, held) } : {}),
  })
  call.throwIfOver()
  return result
}

/** Records both sides of an answered leg, until either is over. A failure to do so is told by its event and hurts nobody. */
function recordBoth(call: Call, b: Leg, sides: 'mono' | 'stereo', held: VerbLease): CallRecording | null {
  const media = call.media.get(call.a.id)
  const other = call.media.get(b.id)
  if (!media || !other) return null
  held.begin()
  const recording = new CallRecording(call, { media, other, channels: sides === 'stereo' ? 2 : 1, beep: false })
  recording.done.catch(() => {})
  return recording
}

/** What the caller hears while it rings: early audio where it isn't answered yet. @throws ResourceUnavailable */
async function ringMusic(call: Call, what: Heard): Promise<Music & Disposable> {
  const source = promptOf(call, what)
  const held = lease(call, kindsOf(source))
  try {
    if (call.a.incoming) await earlyAudio(call)
    else held.begin()
    return { source, silenced: () => held[Symbol.dispose](), [Symbol.dispose]: () => held[Symbol.dispose]() }
  } catch (error) {
    held[Symbol.dispose]()
    throw error
  }
}
