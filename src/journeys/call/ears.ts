import type { Leg } from '#platform/switch/index.ts'
import type { AmdOptions, ProgressOptions } from '#platform/words/index.ts'
import { Answering } from './answering.ts'
import type { Call } from './call.ts'
import { ProgressEar } from './progress.ts'
import { lease } from './prompt.ts'

/** What is listened for of whoever is called: the tones of the network, and who has answered. */
export interface EarOptions {
  progress?: ProgressOptions | undefined
  amd?: AmdOptions | undefined
}

/** What listens to whoever is called. */
export interface Ears extends Disposable {
  readonly progress: ProgressEar | null
  /** Of the leg that has answered, with `amd`. */
  readonly answering: Answering | null
  /** The leg has answered, and nobody else is called: it is listened to who that is, and whether it is somebody at all. */
  answered(leg: Leg): void
}

/**
 * Leases what is to listen, before anybody is called. Disposed of, it listens to nobody that still rings; what it listens to
 * behind an answer goes on by itself, until there is nothing more to be known. `leg` is null where the call has none yet.
 * @throws ResourceUnavailable
 */
export function ears(call: Call, { progress, amd }: EarOptions, leg: Leg | null = call.a): Ears {
  const tones = progress ? new ProgressEar(call, progress, lease(call, ['voice.detection'], leg)) : null
  const detector = amd ? leaseOr(tones, () => lease(call, ['voice.detection'], leg)) : null
  let answering: Answering | null = null
  return {
    progress: tones,
    get answering() {
      return answering
    },
    answered(b) {
      const media = call.media.get(b.id)
      const country = progress?.country === undefined ? {} : { country: progress.country }
      if (amd && detector && media) answering = Answering.begin(call, b, { ...country, ...amd }, detector)
      tones?.answered(b, answering)
      tones?.[Symbol.dispose]()
    },
    [Symbol.dispose]() {
      tones?.[Symbol.dispose]()
      if (!answering) detector?.[Symbol.dispose]()
    },
  }
}

/** All or none. */
function leaseOr<T>(held: Disposable | null, take: () => T): T {
  try {
    return take()
  } catch (error) {
    held?.[Symbol.dispose]()
    throw error
  }
}
