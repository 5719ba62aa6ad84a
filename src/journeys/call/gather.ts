import { newId } from '#lib/index.ts'
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
  using held = lease(call, ['voice.prompt', ...(params.say ? ['voice.speech'] : []), ...(expected ? ['voice.recognition'] : [])])
  const media = await answer(call)
  held.begin()
  const verb = newId('verb')
  media.endpoint.onPartial = (text) => call.x.agents.partial(call.subscriber.id, call.id, text)
  try {
    const gathered = media.endpoint.gather({ verb, ...(prompt ? { prompt } : {}), ...keysOf(params), ...expected })
    return await stoppable(call, media, verb, gathered, signal)
  } catch (error) {
    unbill(held, error)
    throw error
  } finally {
    media.endpoint.onPartial = undefined
  }
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
  const { input = ['digits'], grammar, language = 'en', speechTimeoutSeconds, maxSpeechSeconds, bargeIn = true } = params
  if (!input.includes('speech')) return null
  const silenceMs = (speechTimeoutSeconds ?? SPEECH.silence) * 1000
  const maxMs = (maxSpeechSeconds ?? SPEECH.longest) * 1000
  return {
    speech: { language, silenceMs, maxMs, bargeIn, ...(grammar ? { phrases: grammar } : {}) },
    deafToDigits: !input.includes('digits'),
  }
}
