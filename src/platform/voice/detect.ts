import type { Detection, VerbEnd, VoiceMethods } from '#platform/words/index.ts'
import type { Found } from './command.ts'
import type { Session } from './session.ts'

/** Listens for one thing, and tells what is found, until there is nothing more to be found. */
export async function detect(
  session: Session,
  what: Detection,
  stop: AbortSignal,
  tell: (found: Found) => void,
): Promise<VoiceMethods['detect']['result']> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const detection = session.detect('amd' in what ? { amd: what.amd } : { progress: what.progress }, (found, last) => {
    if (found) tell(found)
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
