import { type Id, newId } from '#lib/index.ts'
import type { VoiceEndpoint } from '#platform/switch/index.ts'
import type { SpeechExpected, VerbMethods } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { answer, fileOf, lease, speech, stoppable, unbill } from './prompt.ts'

type Params = VerbMethods['call.gather']['params']

/** Seconds of silence that end what is said, and that it may take, where the program doesn't say. */
const SPEECH = { silence: 0.8, longest: 30 }

/** Collects digits, or what is said, while a prompt is played. */
export async function gather(call: Call, params: Params, signal: AbortSignal): Promise<VerbMethods['call.gather']['result']> {
  const prompt = params.say ? speech(params.say, params) : params.play ? { file: fileOf(call, params.play) } : undefined
  const expected = expectedOf(params)
  const recognises = expected && !params.byProgram
  using held = lease(call, [
    'voice.prompt',
    ...(params.say ? ['voice.speech'] : []),
    ...(recognises ? ['voice.recognition'] : []),
  ])
  const waiting = Promise.withResolvers<{ endpoint: VoiceEndpoint; verb: Id<'verb'> } | null>()
  call.gathering = waiting.promise
  try {
    const media = await answer(call)
    held.begin()
    const verb = newId('verb')
    const { endpoint } = media
    const onPartial = (text: string) => call.x.agents.partial(call.subscriber.id, call.id, text)
    endpoint.onPartial = onPartial
    const gathered = endpoint.gather({ verb, ...(prompt ? { prompt } : {}), ...keysOf(params), ...expected })
    waiting.resolve({ endpoint, verb })
    try {
      return await stoppable(call, media, verb, gathered, signal)
    } finally {
      endpoint.onPartial = undefined
    }
  } catch (error) {
    unbill(held, error)
    throw error
  } finally {
    waiting.resolve(null)
    call.gathering = Promise.resolve(null)
  }
}

/** What the program itself has heard of the caller. Behind the end of its gather it is too late, and nothing. */
export async function heard(call: Call, { call: _, ...what }: VerbMethods['call.heard']['params']): Promise<null> {
  const gathering = await call.whileUp(call.gathering)
  await gathering?.endpoint.heard({ verb: gathering.verb, ...what })
  return null
}

function keysOf({ minDigits, maxDigits, finishKey, timeoutSeconds = 5, interDigitTimeoutSeconds = timeoutSeconds }: Params) {
  return {
    ...(minDigits ? { minDigits } : {}),
    ...(maxDigits ? { maxDigits } : {}),
    ...(finishKey ? { finishKey } : {}),
    timeoutMs: timeoutSeconds * 1000,
    interDigitTimeoutMs: interDigitTimeoutSeconds * 1000,
  }
}

/** What may be said, where that counts; else null. */
function expectedOf(params: Params): { speech: SpeechExpected; deafToDigits: boolean } | null {
  const {
    input = ['digits'],
    grammar,
    language = 'en',
    speechTimeoutSeconds,
    maxSpeechSeconds,
    bargeIn = true,
    byProgram = false,
  } = params
  if (!input.includes('speech')) return null
  const silenceMs = (speechTimeoutSeconds ?? SPEECH.silence) * 1000
  const maxMs = (maxSpeechSeconds ?? SPEECH.longest) * 1000
  return {
    speech: { language, silenceMs, maxMs, bargeIn, byProgram, ...(grammar ? { phrases: grammar } : {}) },
    deafToDigits: !input.includes('digits'),
  }
}
