import type { VoiceMethods } from '#platform/words/index.ts'
import { dtmfFrequencies, toneCycle } from '#protocol/audio/index.ts'
import { EVENT_KEYS } from '#protocol/rtp/index.ts'
import type { Session } from './session.ts'

/** To a far end without telephone-events the tones themselves are sent. */
export async function pressKeys(
  session: Session,
  { digits, onMs, offMs }: Omit<VoiceMethods['dtmf']['params'], 'endpoint'>,
): Promise<void> {
  if (session.hearsEvents) {
    await session.press(digits, onMs, offMs).done
    return
  }
  const keys = [...digits.toUpperCase()].filter((key) => EVENT_KEYS.includes(key))
  const pcm = toneCycle(keys.map((key) => ({ frequencies: dtmfFrequencies(key), onMs, offMs })))
  await session.play({ pcm, samples: pcm.length }).done
}
