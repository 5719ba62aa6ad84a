import { newId } from '#lib/index.ts'
import type { StreamResult, VerbMethods } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { verbError } from './over.ts'
import { answer, lease, type VerbLease } from './prompt.ts'

/** Ms that voice has, after the end of a call, to say how a stream ended. */
const LAST_WORD_MS = 1000

/** Ms in which a stream that its program has closed must be over here too. */
const CLOSING_MS = 500

/**
 * Opens a stream between the caller and the agent. It goes on beside the verbs that follow, with its lease, until the program
 * closes it or goes, or the call is over. `signal` aborts when the agent is lost.
 */
export async function stream(
  call: Call,
  { rateHz = 8000, hear = true, live = false }: VerbMethods['call.stream']['params'],
  signal: AbortSignal,
): Promise<VerbMethods['call.stream']['result']> {
  if (call.streaming) await closing(call)
  if (call.streaming) throw verbError('invalid-argument', 'the call has a stream already')
  const held = lease(call, ['voice.stream'])
  try {
    const { endpoint } = await answer(call)
    held.begin()
    const verb = newId('verb')
    call.streaming = verb
    const uid = call.x.config.agents.firstUid + call.subscriber.slot
    const running = endpoint.stream({ verb, rateHz, hear, live, uid })
    const stop = () => endpoint.stop(verb)
    signal.addEventListener('abort', stop, { once: true })
    const over = end(call, running, held).finally(() => signal.removeEventListener('abort', stop))
    call.streamOver = over
    call.awaitBeforeEnd(over, LAST_WORD_MS)
    call.event('stream.started', { leg: call.a, data: { stream: verb, rateHz } })
    return { ...(await endpoint.streamTicket(verb)), rateHz }
  } catch (error) {
    if (!call.streaming) held[Symbol.dispose]()
    call.throwIfOver()
    throw error
  }
}

/** A program that has just closed its stream may ask for the next one before voice has said so here. */
async function closing(call: Call): Promise<void> {
  const enough = new Promise<void>((resolve) => {
    call.x.clock.after(CLOSING_MS, resolve)
  })
  await call.whileUp(Promise.race([call.streamOver, enough]))
}

/** Gives back what the stream had, and tells how it was, whatever has ended it. Never rejects. */
async function end(call: Call, running: Promise<StreamResult>, held: VerbLease): Promise<void> {
  const stream = call.streaming
  const lost = { reason: 'voice-lost', heardMs: 0, playedMs: 0, skippedMs: 0, droppedFrames: 0 }
  const { reason, heardMs, playedMs, skippedMs, droppedFrames } = await running.catch(() => lost)
  call.streaming = null
  held[Symbol.dispose]()
  const seconds = { heardSeconds: heardMs / 1000, playedSeconds: playedMs / 1000, skippedSeconds: skippedMs / 1000 }
  const data = { stream, reason, ...seconds, droppedFrames }
  call.event('stream.ended', { leg: call.a, data })
}
