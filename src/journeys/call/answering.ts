import { type Id, newId } from '#lib/index.ts'
import type { Leg, VoiceEndpoint } from '#platform/switch/index.ts'
import { type AmdOptions, durationMs, type Instant, type VerbMethods } from '#platform/words/index.ts'
import type { AnsweredBy, AnswerSettings } from '#protocol/audio/index.ts'
import type { Call } from './call.ts'
import { verbError } from './over.ts'
import { overhear } from './overhear.ts'
import { heldAgain, type VerbLease } from './prompt.ts'

/** Ms that voice has, after the end of a call, to end what listens. */
const LAST_WORD_MS = 500

type Known = VerbMethods['call.answeredBy']['result']

/** What listens to a leg, as the journal keeps it: voice goes on while the switch is away. */
export interface AnsweringSnapshot {
  leg: Id<'leg'>
  verb: Id<'verb'>
  lease: Id<'lse'>
  amd: AmdOptions
  startedAt: Instant
  known: Known | null
  /** The call was placed to find this out: `answeredBy` may be asked. */
  placed: boolean
}

/** The verb of a call that was placed with `amd`. @throws CallOver, `invalid-argument` where it wasn't */
export async function answeredBy(call: Call, { until = 'verdict' }: VerbMethods['call.answeredBy']['params']): Promise<Known> {
  if (!call.answering) throw verbError('invalid-argument', 'the call was not placed with amd')
  return await call.whileUp(call.answering.known(until))
}

/**
 * Listens to who has answered a leg: each thing that becomes known is an event and is told to the agent. Whatever happens, at
 * least one is told, before the call's last event: `unknown` where the leg was over first, or voice was lost.
 */
export class Answering {
  readonly #call: Call
  readonly #leg: Leg
  readonly #held: VerbLease
  readonly #snapshot: Omit<AnsweringSnapshot, 'known' | 'placed'>
  readonly #verdict = Promise.withResolvers<Known>()
  readonly #last = Promise.withResolvers<Known>()
  #known: Known | null = null

  /** Begins at once; the lease is given back when there is nothing more to be known. */
  static begin(call: Call, leg: Leg, amd: AmdOptions, held: VerbLease): Answering {
    held.begin()
    return new Answering(call, leg, held, { verb: newId('verb'), amd, startedAt: call.now() })
  }

  /** Goes on behind a restart of the switch. A leg that is over by then has been told of, or nobody will know. */
  static resume(call: Call, { leg: id, lease, known, placed, ...what }: AnsweringSnapshot): void {
    const leg = call.legs.find((candidate) => candidate.id === id && !candidate.cause)
    const held = heldAgain(call, [lease])
    if (!leg || !held) {
      held?.[Symbol.dispose]()
      const ms = durationMs(what.startedAt, call.now())
      if (!known) tell(call, null, { answeredBy: 'unknown', reason: 'failed', ms })
      return
    }
    const answering = new Answering(call, leg, held, what, known)
    if (placed) call.answering = answering
  }

  private constructor(
    call: Call,
    leg: Leg,
    held: VerbLease,
    what: Pick<AnsweringSnapshot, 'verb' | 'amd' | 'startedAt'>,
    known: Known | null = null,
  ) {
    this.#call = call
    this.#leg = leg
    this.#held = held
    this.#snapshot = { ...what, leg: leg.id, lease: held.ids[0]! }
    this.#known = known
    if (known) this.#verdict.resolve(known)
    call.listening = [...call.listening, this]
    call.save()
    call.awaitBeforeEnd(this.#run(), LAST_WORD_MS)
  }

  get snapshot(): AnsweringSnapshot {
    return { ...this.#snapshot, known: this.#known, placed: this.#call.answering === this }
  }

  get leg(): Leg {
    return this.#leg
  }

  /** As far as it is known. */
  get answeredBy(): AnsweredBy {
    return this.#known?.answeredBy ?? 'unknown'
  }

  /** Resolves once it is known who has answered; with `message-end`, once there is nothing more to be known. */
  known(until: 'verdict' | 'message-end'): Promise<Known> {
    return (until === 'verdict' ? this.#verdict : this.#last).promise
  }

  async #run(): Promise<void> {
    const end = await this.#listen().catch((error: unknown) => {
      this.#call.log.info({ err: error, leg: this.#leg.id }, 'it is not known who has answered')
      return null
    })
    if (!end && !this.#known) this.#held.failed(['voice.detection'])
    this.#held[Symbol.dispose]()
    this.#call.listening = this.#call.listening.filter((other) => other !== this)
    const ms = durationMs(this.#snapshot.startedAt, this.#call.now())
    if (!this.#known) this.#tell({ answeredBy: 'unknown', reason: end ? 'hangup' : 'failed', ms })
    if (this.#known) this.#last.resolve(this.#known)
    this.#call.save()
  }

  /** Until voice has nothing more to tell. */
  async #listen(): Promise<unknown> {
    const endpoint = this.#call.media.get(this.#leg.id)?.endpoint
    const { verb, amd } = this.#snapshot
    if (endpoint) {
      const onAnswered: VoiceEndpoint['onAnswered'] = ({ verb: of, answeredBy, reason, ms }) => {
        if (of === verb) this.#tell({ answeredBy, reason, ms })
      }
      endpoint.onAnswered = onAnswered
    }
    return await overhear(this.#call, this.#leg, { verb, amd: settingsOf(amd) })
  }

  /** Once each: voice says again what it has said where it is asked again. */
  #tell(known: Known): void {
    if (this.#known?.answeredBy === known.answeredBy || (this.#known && known.answeredBy === 'machine')) return
    this.#known = known
    this.#verdict.resolve(known)
    // A leg that is over has had its last event.
    tell(this.#call, this.#leg.cause ? null : this.#leg, known)
    this.#call.save()
  }
}

function tell(call: Call, leg: Leg | null, known: Known): void {
  call.event('call.amd', { ...(leg ? { leg } : {}), data: { ...known } })
  call.x.agents.amd(call.subscriber.id, { call: call.id, ...known })
}

function settingsOf({ until, timeoutSeconds, ...times }: AmdOptions): Partial<AnswerSettings> {
  return {
    ...times,
    ...(until === 'message-end' ? { untilEnd: true } : {}),
    ...(timeoutSeconds === undefined ? {} : { timeoutMs: timeoutSeconds * 1000 }),
  }
}
