import { type Id, newId, type Timer } from '#lib/index.ts'
import type { Leg, VoiceEndpoint } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import { type CallCause, durationMs, type Instant, type ProgressOptions } from '#platform/words/index.ts'
import type { AnswerReason, ProgressTone } from '#protocol/audio/index.ts'
import type { Answering } from './answering.ts'
import type { Call } from './call.ts'
import { overhear } from './overhear.ts'
import { heldAgain, type VerbLease } from './prompt.ts'

/** Ms that voice has at least, behind a restart, to tell what it has heard meanwhile. */
const TOLD_AGAIN_MS = 500

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

/** What listens to a leg behind its answer, as the journal keeps it: voice goes on while the switch is away. */
export interface ProgressSnapshot {
  leg: Id<'leg'>
  /** What voice listens by; null where what listens to who has answered hears the tones, too. */
  verb: Id<'verb'> | null
  lease: Id<'lse'>
  options: ProgressOptions
  answeredAt: Instant
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
  readonly #answered = new Map<Leg, Pick<ProgressSnapshot, 'verb' | 'answeredAt'>>()
  readonly #refused = new Set<Leg>()
  #disposed = false

  /** A detector has been leased; it is given back when nothing more is listened to. */
  constructor(call: Call, options: ProgressOptions, held: VerbLease) {
    this.#call = call
    this.#options = options
    this.#held = held
  }

  /** Goes on behind a restart of the switch, for what is left of its time. A leg that is over by then needs nobody to listen. */
  static resume(call: Call, { leg: id, lease, options, ...what }: ProgressSnapshot): void {
    const leg = call.legs.find((candidate) => candidate.id === id && !candidate.cause)
    const held = heldAgain(call, [lease])
    const answering = call.listening.find((one) => one.leg === leg) ?? null
    if (!leg || !held || (what.verb === null && !answering)) {
      held?.[Symbol.dispose]()
      return
    }
    const ear = new ProgressEar(call, options, held)
    ear.#disposed = true
    ear.#goOn(leg, what, answering)
  }

  /** What it listens to behind answers. */
  get snapshots(): ProgressSnapshot[] {
    const heard = [...this.#answered].filter(([leg]) => this.#stops.has(leg))
    return heard.map(([leg, what]) => ({ leg: leg.id, lease: this.#held.ids[0]!, options: this.#options, ...what }))
  }

  /** The leg has early audio: it is listened to from now on. */
  listen(leg: Leg): void {
    if (this.#stops.has(leg) || this.#answered.has(leg)) return
    // As what an unanswered caller hears, it is not billed before the answer.
    if (!this.#call.originating && !this.#call.a.incoming) this.#held.begin()
    this.#detect(leg, newId('verb'))
  }

  /** The leg has answered. What has rung beside it is left alone; `answering` listens to this one already, where it is there. */
  answered(leg: Leg, answering: Answering | null): void {
    for (const other of [...this.#stops.keys()]) if (!this.#answered.has(other)) this.#stop(other)
    const what = { verb: answering ? null : newId('verb'), answeredAt: this.#call.now() }
    if (!this.#options.afterAnswerSeconds || leg.cause) {
      this.#answered.set(leg, what)
      return
    }
    this.#held.begin()
    this.#goOn(leg, what, answering)
  }

  /** Listens to a leg behind its answer, until its time is over. */
  #goOn(leg: Leg, what: Pick<ProgressSnapshot, 'verb' | 'answeredAt'>, answering: Answering | null): void {
    const call = this.#call
    const leftMs = (this.#options.afterAnswerSeconds ?? 0) * 1000 - durationMs(what.answeredAt, call.now())
    this.#answered.set(leg, what)
    call.hearing = [...call.hearing, this]
    if (what.verb) this.#detect(leg, what.verb)
    else if (answering) this.#follow(leg, answering)
    const timer: Timer = call.x.clock.after(Math.max(leftMs, TOLD_AGAIN_MS), () => this.#stop(leg))
    const stop = this.#stops.get(leg)
    this.#stops.set(leg, () => {
      timer.cancel()
      stop?.()
    })
    call.save()
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

  #detect(leg: Leg, verb: Id<'verb'>): void {
    const endpoint = this.#call.media.get(leg.id)?.endpoint
    if (!endpoint) return
    this.#stops.set(leg, () => endpoint.stop(verb))
    const onProgress: VoiceEndpoint['onProgress'] = (progress) => {
      if (progress.verb === verb) this.#tell(leg, progress.tone, progress.ms)
    }
    endpoint.onProgress = onProgress
    const over = (error: unknown) => {
      this.#call.log.info({ err: error, leg: leg.id }, 'the tones of a network are not heard')
      if (this.#answered.has(leg)) this.#stop(leg)
    }
    overhear(this.#call, leg, { verb, progress: this.#options.country ?? '' }).then((end) => end ?? over(null), over)
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
    if (!this.#disposed || this.#stops.size > 0) return
    this.#held[Symbol.dispose]()
    const call = this.#call
    if (!call.hearing.includes(this)) return
    call.hearing = call.hearing.filter((other) => other !== this)
    call.save()
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
