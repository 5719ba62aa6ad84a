import { newId, type Timer } from '#lib/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { CallCause, ProgressOptions } from '#platform/words/index.ts'
import type { AnswerReason, ProgressTone } from '#protocol/audio/index.ts'
import type { Answering } from './answering.ts'
import type { Call } from './call.ts'
import type { VerbLease } from './prompt.ts'

/** Why a leg is over whose network says so by a tone; the others say that it goes on. */
const CAUSES: Partial<Record<ProgressTone, CallCause>> = {
  busy: causeOf('callee', 'busy', 'Busy tone'),
  congestion: causeOf('network', 'temporary-failure', 'Congestion tone'),
  sit: causeOf('network', 'unallocated', 'Special information tone'),
}

/** What listens to who has answered hears them, too. */
const TONES: Partial<Record<AnswerReason, ProgressTone>> = {
  'busy-tone': 'busy',
  'congestion-tone': 'congestion',
  'special-tone': 'sit',
}

/**
 * Listens to what networks say by their tones while legs are dialled: from a leg's first early audio to the answer, and, where
 * that is asked for, for some seconds behind it, since some networks answer and then say busy.
 */
export class ProgressEar implements Disposable {
  readonly #call: Call
  readonly #options: ProgressOptions
  readonly #held: VerbLease
  /** How each leg that is listened to is left alone again. */
  readonly #stops = new Map<Leg, () => void>()
  readonly #answered = new Set<Leg>()
  readonly #refused = new Set<Leg>()
  #disposed = false

  /** A detector has been leased; it is given back when nothing more is listened to. */
  constructor(call: Call, options: ProgressOptions, held: VerbLease) {
    this.#call = call
    this.#options = options
    this.#held = held
  }

  /** The leg has early audio: it is listened to from now on. */
  listen(leg: Leg): void {
    if (this.#stops.has(leg) || this.#answered.has(leg)) return
    // As what an unanswered caller hears, it is not billed before the answer.
    if (!this.#call.originating && !this.#call.a.incoming) this.#held.begin()
    this.#detect(leg)
  }

  /** The leg has answered. What has rung beside it is left alone; `answering` listens to this one already, where it is there. */
  answered(leg: Leg, answering: Answering | null): void {
    for (const other of [...this.#stops.keys()]) if (!this.#answered.has(other)) this.#stop(other)
    const { afterAnswerSeconds = 0 } = this.#options
    this.#answered.add(leg)
    if (afterAnswerSeconds === 0 || leg.cause) return
    this.#held.begin()
    if (answering) this.#follow(leg, answering)
    else this.#detect(leg)
    const timer: Timer = this.#call.x.clock.after(afterAnswerSeconds * 1000, () => this.#stop(leg))
    const stop = this.#stops.get(leg)
    this.#stops.set(leg, () => {
      timer.cancel()
      stop?.()
    })
    void leg.ended.then(() => this.#stop(leg))
  }

  /** Whether it has ended this leg, behind its answer. */
  refused(leg: Leg): boolean {
    return this.#refused.has(leg)
  }

  /** Nobody is dialled any more; who has answered may still be listened to. */
  [Symbol.dispose](): void {
    this.#disposed = true
    for (const leg of [...this.#stops.keys()]) if (!this.#answered.has(leg)) this.#stop(leg)
    this.#letGo()
  }

  #detect(leg: Leg): void {
    const endpoint = this.#call.media.get(leg.id)?.endpoint
    if (!endpoint) return
    const verb = newId('verb')
    this.#stops.set(leg, () => endpoint.stop(verb))
    endpoint.onProgress = (progress) => {
      if (progress.verb === verb) this.#tell(leg, progress.tone, progress.ms)
    }
    endpoint.detect({ verb, progress: this.#options.country ?? '' }).catch((error: unknown) => {
      this.#call.log.info({ err: error, leg: leg.id }, 'the tones of a network are not heard')
      if (this.#answered.has(leg)) this.#stop(leg)
    })
  }

  #follow(leg: Leg, answering: Answering): void {
    this.#stops.set(leg, () => {})
    void answering.known('verdict').then(({ reason, ms }) => {
      const tone = TONES[reason as AnswerReason]
      // Whoever waits for the verdict has it before the leg is over by it.
      if (tone) this.#call.x.clock.after(0, () => this.#tell(leg, tone, ms))
    })
  }

  #stop(leg: Leg): void {
    const stop = this.#stops.get(leg)
    this.#stops.delete(leg)
    stop?.()
    this.#letGo()
  }

  #letGo(): void {
    if (this.#disposed && this.#stops.size === 0) this.#held[Symbol.dispose]()
  }

  #tell(leg: Leg, tone: ProgressTone, ms: number): void {
    const call = this.#call
    if (leg.cause || !this.#stops.has(leg)) return
    const behind = this.#answered.has(leg) ? { answered: true as const } : {}
    call.event('call.progress', { leg, data: { tone, ms, ...behind } })
    call.x.agents.progress(call.subscriber.id, { call: call.id, tone, ms, ...behind })
    const cause = CAUSES[tone]
    if (!cause || this.#options.end === false) return
    if (this.#answered.has(leg)) this.#refused.add(leg)
    leg.end(cause)
  }
}
