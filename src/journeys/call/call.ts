import { type Id, type Log, newId, type Timer } from '#lib/index.ts'
import { ResourceUnavailable } from '#platform/resource/index.ts'
import { type Farewell, Leg, type LegFacts, type LegMedia, type LegOwner, type VoiceEndpoint } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import {
  type CallCause,
  type CallView,
  type Demand,
  type Direction,
  type Diversion,
  type EventType,
  type Instant,
  instantOf,
  type Lease,
  type MediaStats,
  type Party,
  type PlatformEvent,
  type SubscriberConfig,
} from '#platform/words/index.ts'
import type { IncomingReinvite, IncomingRequest } from '#protocol/sip/index.ts'
import type { Answering } from './answering.ts'
import type { Carrying } from './carry.ts'
import { isKept } from './codecs.ts'
import type { Seat } from './conference.ts'
import type { Consulting } from './consult.ts'
import type { Desk } from './desk.ts'
import { acknowledged, requested } from './dialog.ts'
import type { Exchange } from './exchange.ts'
import { farewell } from './farewell.ts'
import type { Hold } from './hold.ts'
import type { LegKeys } from './keys.ts'
import { showLeg } from './lamp.ts'
import { goneSince } from './life.ts'
import { callOver, OVER } from './over.ts'
import { OF_PAIR } from './pair.ts'
import type { Pickup } from './pickup.ts'
import type { ProgressEar } from './progress.ts'
import type { CallRecording } from './recording.ts'
import { reinvited } from './renegotiate.ts'
import type { Slot } from './slot.ts'
import type { SavedCall } from './snapshot.ts'
import type { Move } from './survive.ts'
import type { Wish } from './wish.ts'

/** What stays the same about a call from its first moment to its last. */
export interface CallFacts {
  id: Id<'call'>
  /** `in` from a trunk, `out` from the site. */
  direction: Direction
  from: Party
  to: Party
  anonymous: boolean
  startedAt: Instant
  /** Max-Forwards as it came: legs out carry less (PITFALLS S47). */
  maxForwards: number
  emergency: boolean
  /** Who sent it on before it came, the last one first. */
  diversions?: Diversion[]
  /** Placed by us for somebody (makeCall): when its one purpose is gone, it ends. */
  made?: true
}

const NOTHING = Promise.resolve(null)

/** What a call has none of until it is needed: most calls have nothing of it to their end. */
const NONE: readonly never[] = []
const NO_MEDIA: ReadonlyMap<Id<'leg'>, LegMedia> = new Map()

/** A call: its legs, its leases, its events, its one cause. {@link close} says how it gives back what it has taken. */
export class Call implements LegOwner {
  readonly x: Exchange
  readonly facts: CallFacts
  readonly subscriber: SubscriberConfig
  readonly legs: Leg[] = []
  /** Legs that are over and whose last event waits for the figures of their sound. */
  clearing: readonly { leg: Id<'leg'>; cause: CallCause }[] = NONE
  /** We place it ourselves, and whoever is called first has not answered: it has no first leg yet. */
  originating = false
  recordings: readonly CallRecording[] = NONE
  seat: Seat | null = null
  /** What `play` or `say` plays. */
  playing: { endpoint: VoiceEndpoint; verb: Id<'verb'> } | null = null
  /** What `gather` waits for, and its program may hear; resolves when voice waits, too. */
  gathering: Promise<{ endpoint: VoiceEndpoint; verb: Id<'verb'> } | null> = NOTHING
  /** The stream between it and its agent. */
  streaming: Id<'verb'> | null = null
  /** Who has answered, where the call was placed with `amd`. */
  answering: Answering | null = null
  /** What listens to who has answered its legs. */
  listening: readonly Answering[] = NONE
  /** What hears the tones of networks behind the answers of its legs. */
  hearing: readonly ProgressEar[] = NONE
  /** Resolves when that stream is over. */
  streamOver: Promise<unknown> = NOTHING
  desk: Desk | null = null
  /** Commands for two who talk wait for an answer that may be on its way. */
  joining: Promise<void> | null = null
  /** What has been asked of two joined legs and is being carried out; one at a time. */
  wish: Wish | null = null
  /** Two legs that talk, until something else becomes of them. */
  carrying: Carrying | null = null
  consulting: Consulting | null = null
  /** Where it rings: who of the site may take it. */
  pickup: Pickup | null = null
  /** Where it is parked. */
  slot: Slot | null = null
  keys: Map<Leg, LegKeys> | null = null
  /** Legs that we hold, once there has been one. */
  holds: Map<Leg, Hold> | null = null
  /** Its sound is being moved to another voice process. */
  moving: Move | null = null
  /** Whether a program has commanded anything for it. */
  decided = false
  answeredAt: Instant | null = null
  /** What the journal has of it. */
  saved: SavedCall | null = null
  /** Why the last dialled leg could not be had: what an unanswered caller is told in the end. */
  failure: CallCause | null = null
  /** The two legs that hear each other by way of voice, as long as both are up. */
  pair: readonly [Leg, Leg] | null = null
  /** Two who may go back to each other, while somebody else is looked for: what is transcoded for them is kept. */
  mayGoBack: readonly [Leg, Leg] | null = null
  /** The audio passes by us: SDP and its changes go from leg to leg. */
  direct = false
  #phase: CallView['state'] = 'setup'
  #media: Map<Id<'leg'>, LegMedia> | null = null
  #onJoined: readonly (() => void)[] = NONE
  #onOver: readonly (() => void)[] = NONE
  #log: Log | null = null
  #signal: AbortController | null = null
  /** What the end of its sound is waited for by. */
  closing: readonly Promise<unknown>[] = NONE
  /** Work that its end waits for, each for so many ms. */
  lastWords: readonly { done: Promise<unknown>; longestMs: number }[] = NONE
  /** The next switch carries it on: nothing of it is given back here. */
  handedOver = false
  readonly limit: Timer
  #cause: CallCause | null = null
  /** The first leg, where it has gone over to another call and there is none any more. */
  #parted: Leg | null = null

  constructor(x: Exchange, subscriber: SubscriberConfig, facts: CallFacts) {
    this.x = x
    this.facts = facts
    this.subscriber = subscriber
    x.calls.set(facts.id, this)
    const elapsed = Math.max(0, x.clock.wall() - facts.startedAt.wall)
    this.limit = x.clock.after(x.limits.maxCallMs - elapsed, () => this.end(causeOf('switch', 'max-duration')))
  }

  get id(): Id<'call'> {
    return this.facts.id
  }

  /** The first leg: the caller's. When it ends, the call ends. */
  get a(): Leg {
    const first = this.legs[0] ?? this.#parted
    if (!first) throw new Error('a call has a first leg from its beginning')
    return first
  }

  /** The sound of its legs, by leg; that which passes by us is none of it. */
  get media(): ReadonlyMap<Id<'leg'>, LegMedia> {
    return this.#media ?? NO_MEDIA
  }

  putMedia(leg: Leg, media: LegMedia): void {
    this.#media ??= new Map()
    this.#media.set(leg.id, media)
  }

  dropMedia(leg: Leg): void {
    this.#media?.delete(leg.id)
  }

  get phase(): CallView['state'] {
    return this.#phase
  }

  set phase(phase: CallView['state']) {
    this.#phase = phase
    if (phase === 'joined') for (const run of this.#onJoined) run()
  }

  /** Calls `run` whenever two legs have been joined; what comes back takes that back. */
  onJoined(run: () => void): () => void {
    this.#onJoined = [...this.#onJoined, run]
    return () => {
      this.#onJoined = this.#onJoined.filter((other) => other !== run)
    }
  }

  /** Made on first use, as most calls have nothing to say. */
  get log(): Log {
    this.#log ??= this.x.log.child({ subscriber: this.subscriber.id, call: this.facts.id })
    return this.#log
  }

  /** Aborts with {@link CallOver} when the call is over. Made on first use: {@link whileUp} is what costs little. */
  get signal(): AbortSignal {
    if (!this.#signal) {
      this.#signal = new AbortController()
      if (this.#cause) this.#signal.abort(OVER)
    }
    return this.#signal.signal
  }

  /** Resolves like `promise`; rejects with {@link CallOver} as soon as the call is over. */
  whileUp<T>(promise: Promise<T>): Promise<T> {
    if (this.#cause) return Promise.reject(OVER)
    return new Promise((resolve, reject) => {
      const over = () => reject(OVER)
      this.onOver(over)
      const settled = (settle: () => void) => {
        this.forget(over)
        settle()
      }
      promise.then(
        (value) => settled(() => resolve(value)),
        (error: unknown) => settled(() => reject(error)),
      )
    })
  }

  /** Calls `run` when the call is over; {@link forget} takes that back. */
  onOver(run: () => void): void {
    this.#onOver = [...this.#onOver, run]
  }

  forget(run: () => void): void {
    this.#onOver = this.#onOver.filter((other) => other !== run)
  }

  /** @throws CallOver */
  throwIfOver(): void {
    if (this.#cause) throw OVER
  }

  get cause(): CallCause | null {
    return this.#cause
  }

  now(): Instant {
    return instantOf(this.x.clock, this.x.boot)
  }

  /** Ends the call in whatever state it is: all legs at once, the rest when its function returns. The first cause counts. */
  end(cause: CallCause): void {
    if (this.#cause) return
    this.#cause = cause
    this.phase = 'ending'
    this.saved = null
    for (const leg of this.legs) leg.end(cause)
    // From here on a restart has nothing to carry on; leases that are still held then are closed by it.
    this.x.record({ type: 'call', at: this.now(), call: this.id, state: null })
    this.desk?.close(callOver(cause))
    this.carrying?.end()
    for (const run of this.#onOver) run()
    this.#signal?.abort(OVER)
  }

  addLeg(facts: LegFacts): Leg {
    const leg = new Leg(facts, this)
    this.legs.push(leg)
    return leg
  }

  /** The leg is another call's of the same subscriber from now on; its leases and its sound go with it. */
  give(leg: Leg, to: Call): void {
    if (leg === this.legs[0]) this.#parted = leg
    this.legs.splice(this.legs.indexOf(leg), 1)
    to.legs.push(leg)
    this.#unpair(leg, 'transferred')
    this.x.registry.move(leg.id, this.id, to.id)
    this.dropMedia(leg)
    this.keys?.delete(leg)
    to.answeredAt ??= this.answeredAt
    leg.serve(to)
    this.save()
  }

  /** The leg is the one that the call lives and ends with from now on: whoever was that is on its way out. */
  promote(leg: Leg): void {
    this.legs.splice(this.legs.indexOf(leg), 1)
    this.legs.unshift(leg)
  }

  /** Leases all or none, before anything is done. @throws ResourceUnavailable, with `resource.refused` as an event. */
  admit(demands: readonly Demand[]): Lease[] {
    try {
      return this.lease(demands)
    } catch (error) {
      if (error instanceof ResourceUnavailable) this.event('resource.refused', { data: { refusal: error.refusal } })
      throw error
    }
  }

  /** Leases all or none, without a word. @throws ResourceUnavailable */
  lease(demands: readonly Demand[]): Lease[] {
    return this.x.registry.admit({ subscriber: this.subscriber.id, call: this.id, demands })
  }

  /** What a leg holds is billable from now on. */
  answered(leg: Leg): void {
    const at = this.now()
    this.answeredAt ??= at
    this.x.registry.answeredFor(this.id, leg.id, at)
  }

  leasesOf(leg: Leg): Lease[] {
    return this.x.registry.leasesOf(this.id, leg.id)
  }

  event(type: EventType, about: { leg?: { id: Id<'leg'> }; cause?: CallCause; data?: Record<string, unknown> } = {}): void {
    const at = this.now()
    const event: PlatformEvent = {
      id: newId('evt', at.wall),
      subscriber: this.subscriber.id,
      number: 0,
      at: this.x.instantText(at.wall),
      type,
      call: this.id,
      data: about.data ?? {},
    }
    if (about.leg) event.leg = about.leg.id
    if (about.cause) event.cause = about.cause
    this.x.record({ type: 'event', at, event })
  }

  /** The snapshot of this turn's end goes to the journal. */
  save(): void {
    if (!this.#cause) this.x.save(this)
  }

  /** The call's last event waits for `work`, as long as it is `longestMs` after its end. */
  awaitBeforeEnd(work: Promise<unknown>, longestMs: number): void {
    const done = work.catch(() => {})
    this.lastWords = [...this.lastWords, { done, longestMs }]
  }

  /** Closes what a leg has of voice, now; its port is given back when voice says so. */
  closeMedia(leg: Leg, done?: (stats: MediaStats | null) => void): void {
    const media = this.media.get(leg.id)
    if (!media) {
      done?.(null)
      return
    }
    this.dropMedia(leg)
    const ports = this.leasesOf(leg).flatMap((lease) => (lease.kind === 'voice.port' ? [lease.id] : []))
    const reason = leg.cause?.reason ?? 'closed'
    const closed = media.close().then((stats) => {
      this.x.registry.release(ports, reason, { ...endOf(leg), ...(stats ? { detail: { media: stats } } : {}) })
      done?.(stats)
    })
    this.closing = [...this.closing, closed]
  }

  legNamed(leg: Leg, callId: string, callerTag?: string): void {
    const { realm, direction } = leg.facts
    const { trace, calls } = this.x
    trace.own({ realm, callId, direction, callerTag, call: this.id, leg: leg.id, subscriber: this.subscriber.id })
    // It may have forgotten this call, whose end nobody would tell it again.
    if (!calls.has(this.id)) trace.over(this.id)
  }

  legChanged(leg: Leg): void {
    this.save()
    showLeg(this, leg)
  }

  legRings(leg: Leg): void {
    showLeg(this, leg)
  }

  farewell(cause: CallCause, leg: Leg): Farewell {
    return farewell(cause, leg)
  }

  legReinvited(leg: Leg, invite: IncomingReinvite): void {
    void reinvited(this, leg, invite)
  }

  legRequested(leg: Leg, request: IncomingRequest): void {
    requested(this, leg, request)
  }

  legAcknowledged(leg: Leg, body: Uint8Array): void {
    acknowledged(this, leg, body)
  }

  descriptionOf(leg: Leg): string | null {
    return this.media.get(leg.id)?.description ?? leg.description
  }

  legEnded(leg: Leg, cause: CallCause): void {
    const { registry } = this.x
    showLeg(this, leg)
    // Where the call has ended first, this leg was there.
    if (!this.#cause) leg.provenUntil ??= goneSince(this, leg, cause)
    this.holds?.delete(leg)
    this.keys?.delete(leg)
    this.#unpair(leg, cause.reason)
    const sounds = this.media.has(leg.id)
    // Its port is given back when voice says so.
    registry.releaseFor({ call: this.id, leg: leg.id, but: sounds ? 'voice.port' : null }, cause.reason, endOf(leg))
    if (!leg.wasConnected) {
      this.event('leg.failed', { leg, cause })
      this.closeMedia(leg)
    } else if (sounds) {
      this.clearing = [...this.clearing, { leg: leg.id, cause }]
      this.closeMedia(leg, (media) => this.#cleared(leg, cause, media))
    } else this.event('leg.cleared', { leg, cause })
    this.carrying?.legEnded(leg)
    if (this.originating) this.#notThis(leg)
    else if (leg === this.legs[0]) this.end(cause)
    else this.save()
  }

  /** The leg hears its partner no more: nothing is transcoded between them, and nobody listens for the keys of one for the other. */
  #unpair(leg: Leg, reason: string): void {
    if (!this.pair?.includes(leg)) return
    this.pair = null
    const shared = this.x.registry.leasesOf(this.id).filter(({ kind }) => OF_PAIR.has(kind))
    const leases = shared.filter((lease) => lease.kind !== 'voice.transcode' || !isKept(this, lease))
    this.x.registry.release(
      leases.map(({ id }) => id),
      reason,
    )
  }

  /** Nobody has been reached yet for whom the call is placed: what has failed is none of its legs, and another may be tried. */
  #notThis(leg: Leg): void {
    if (this.#cause) return
    this.legs.splice(this.legs.indexOf(leg), 1)
    this.save()
  }

  /** A leg's last event tells how its sound was, so it waits for voice, which has 2 s for it. */
  #cleared(leg: Leg, cause: CallCause, media: MediaStats | null): void {
    this.clearing = this.clearing.filter((one) => one.leg !== leg.id)
    this.event('leg.cleared', { leg, cause, data: media ? { media } : {} })
    this.save()
  }
}

/** Who was gone before that was found out is paid for until it was last there, and somebody may look at it (PITFALLS B06). */
function endOf({ provenUntil }: Leg): { at?: Instant; review?: true } {
  return provenUntil ? { at: provenUntil, review: true } : {}
}
