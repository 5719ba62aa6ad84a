import type { VerbEnd, VoiceMethods } from '#platform/words/index.ts'
import type { Verdict } from '#protocol/audio/index.ts'
import type { Session } from './session.ts'

/** Listens for who has answered, and tells each thing that becomes known, until there is nothing more to know. */
export async function detect(
  session: Session,
  { amd }: VoiceMethods['detect']['params'],
  stop: AbortSignal,
  tell: (verdict: Verdict) => void,
): Promise<VoiceMethods['detect']['result']> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const detection = session.detect(amd, (verdict, last) => {
    if (verdict) tell(verdict)
    if (last) resolve()
  })
  const onStop = () => {
    detection.stop()
    resolve()
  }
  stop.addEventListener('abort', onStop, { once: true })
  await promise
  stop.removeEventListener('abort', onStop)
  return { reason: stop.aborted ? (stop.reason as VerbEnd) : 'done' }
}
