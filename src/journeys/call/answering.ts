import { type Id, newId } from '#lib/index.ts'
import type { Leg, LegMedia } from '#platform/switch/index.ts'
import type { AmdOptions, VerbMethods } from '#platform/words/index.ts'
import type { AnsweredBy, AnswerSettings } from '#protocol/audio/index.ts'
import type { Call } from './call.ts'
import { verbError } from './over.ts'
import type { VerbLease } from './prompt.ts'

/** Ms that voice has, after the end of a call, to end what listens. */
const LAST_WORD_MS = 500

type Known = VerbMethods['call.answeredBy']['result']

/** The verb of a call that was placed with `amd`. @throws CallOver, `invalid-argument` where it wasn't */
export async function answeredBy(call: Call, { until = 'verdict' }: VerbMethods['call.answeredBy']['params']): Promise<Known> {
  if (!call.answering) throw verbError('invalid-argument', 'the call was not placed with amd')
  return await call.whileUp(call.answering.known(until))
}

/**
 * Listens to who has answered a leg: each thing that becomes known is an event and is told to the agent. Whatever happens, at
 * least one is told, before the call's last event: `unknown` where the leg was over first.
 */
export class Answering {
  readonly #call: Call
  readonly #leg: Leg
  readonly #startedAt: number
  readonly #verdict = Promise.withResolvers<Known>()
  readonly #last = Promise.withResolvers<Known>()
  #known: Known | null = null

  /** Begins at once; the lease is given back when there is nothing more to be known. */
  constructor(call: Call, leg: Leg, media: LegMedia, amd: AmdOptions, held: VerbLease) {
    this.#call = call
    this.#leg = leg
    this.#startedAt = call.x.clock.now()
    held.begin()
    call.awaitBeforeEnd(this.#run(media, newId('verb'), settingsOf(amd), held), LAST_WORD_MS)
  }

  /** As far as it is known. */
  get answeredBy(): AnsweredBy {
    return this.#known?.answeredBy ?? 'unknown'
  }

  /** Resolves once it is known who has answered; with `message-end`, once there is nothing more to be known. */
  known(until: 'verdict' | 'message-end'): Promise<Known> {
    return (until === 'verdict' ? this.#verdict : this.#last).promise
  }

  async #run({ endpoint }: LegMedia, verb: Id<'verb'>, amd: Partial<AnswerSettings>, held: VerbLease): Promise<void> {
    endpoint.onAnswered = (verdict) => {
      if (verdict.verb === verb) this.#tell(verdict.answeredBy, verdict.reason, verdict.ms)
    }
    const end = await endpoint.detect({ verb, amd }).catch((error: unknown) => {
      this.#call.log.info({ err: error, leg: this.#leg.id }, 'it is not known who has answered')
      return null
    })
    if (!end) held.failed(['voice.detection'])
    held[Symbol.dispose]()
    const ms = Math.round(this.#call.x.clock.now() - this.#startedAt)
    if (!this.#known) this.#tell('unknown', end ? 'hangup' : 'failed', ms)
    if (this.#known) this.#last.resolve(this.#known)
  }

  #tell(answeredBy: AnsweredBy, reason: string, ms: number): void {
    const call = this.#call
    const known = { answeredBy, reason, ms }
    this.#known = known
    this.#verdict.resolve(known)
    // A leg that is over has had its last event.
    call.event('call.amd', { ...(this.#leg.cause ? {} : { leg: this.#leg }), data: known })
    call.x.agents.amd(call.subscriber.id, { call: call.id, ...known })
  }
}

function settingsOf({ until, timeoutSeconds, ...times }: AmdOptions): Partial<AnswerSettings> {
  return {
    ...times,
    ...(until === 'message-end' ? { untilEnd: true } : {}),
    ...(timeoutSeconds === undefined ? {} : { timeoutMs: timeoutSeconds * 1000 }),
  }
}
