import { newId } from '#lib/index.ts'
import type { Leg, LegMedia } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { CallCause, ProgressOptions } from '#platform/words/index.ts'
import type { ProgressTone } from '#protocol/audio/index.ts'
import type { Call } from './call.ts'
import type { VerbLease } from './prompt.ts'

/** Why a leg is over whose network says so by a tone; the others say that it goes on. */
const CAUSES: Partial<Record<ProgressTone, CallCause>> = {
  busy: causeOf('callee', 'busy', 'Busy tone'),
  congestion: causeOf('network', 'temporary-failure', 'Congestion tone'),
  sit: causeOf('network', 'unallocated', 'Special information tone'),
}

/** Listens to what networks say by their tones while legs are dialled: from a leg's first early audio to the answer. */
export class ProgressEar implements Disposable {
  readonly #call: Call
  readonly #options: ProgressOptions
  readonly #held: VerbLease
  readonly #stops = new Map<Leg, () => void>()

  /** A detector has been leased; it is given back when nothing more is dialled. */
  constructor(call: Call, options: ProgressOptions, held: VerbLease) {
    this.#call = call
    this.#options = options
    this.#held = held
  }

  /** The leg has early audio: it is listened to from now on. */
  listen(leg: Leg, { endpoint }: LegMedia): void {
    if (this.#stops.has(leg)) return
    // As what an unanswered caller hears, it is not billed before the answer.
    if (!this.#call.a.incoming) this.#held.begin()
    const verb = newId('verb')
    this.#stops.set(leg, () => endpoint.stop(verb))
    endpoint.onProgress = (progress) => {
      if (progress.verb === verb) this.#tell(leg, progress.tone, progress.ms)
    }
    endpoint.detect({ verb, progress: this.#options.country ?? '' }).catch((error: unknown) => {
      this.#call.log.info({ err: error, leg: leg.id }, 'the tones of a network are not heard')
    })
  }

  /** Somebody has answered, or nobody is dialled any more. */
  [Symbol.dispose](): void {
    for (const stop of this.#stops.values()) stop()
    this.#stops.clear()
    this.#held[Symbol.dispose]()
  }

  #tell(leg: Leg, tone: ProgressTone, ms: number): void {
    const call = this.#call
    if (leg.cause || !this.#stops.has(leg)) return
    call.event('call.progress', { leg, data: { tone, ms } })
    call.x.agents.progress(call.subscriber.id, { call: call.id, tone, ms })
    const cause = CAUSES[tone]
    if (cause && this.#options.end !== false) leg.end(cause)
  }
}
