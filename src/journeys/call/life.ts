import type { Timer } from '#lib/index.ts'
import type { Leg, VoiceEndpoint } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { CallCause, Instant } from '#platform/words/index.ts'
import type { Call } from './call.ts'

/**
 * Watches that joined legs live. Silence alone kills nobody (M04): a leg that is silent for the media timeout has to
 * answer an OPTIONS inside its dialog, and one that does not is over, with a cause. Where audio passes by us, the same
 * question is asked in a slow rhythm instead.
 */
export function watchLife(call: Call, legs: readonly Leg[]): Watch {
  const watch = new Watch(call, legs)
  const { mediaTimeoutMs } = call.x.limits
  for (const leg of legs) {
    const media = call.media.get(leg.id)
    if (!media) watch.proveInRhythm()
    if (!media || mediaTimeoutMs === 0) continue
    media.endpoint.watch(mediaTimeoutMs).catch(() => {})
    const onMedia: VoiceEndpoint['onMedia'] = (state, silentMs) => void heard(call, leg, state, silentMs, watch)
    media.endpoint.onMedia = onMedia
  }
  return watch
}

async function heard(call: Call, leg: Leg, state: 'silent' | 'flowing', silentMs: number, watch: Watch): Promise<void> {
  if (watch.stopped || leg.cause) return
  call.event(state === 'silent' ? 'media.silent' : 'media.flowing', { leg, data: { silentMs } })
  if (state === 'flowing' || leg.state === 'hold' || call.holds?.has(leg)) return
  const lastHeard = before(call, silentMs)
  if (await proves(call, leg, watch)) return
  leg.provenUntil = lastHeard
  const cut = leg.facts.via === 'channel'
  leg.end(causeOf('network', cut ? 'channel-lost' : 'media-silent'))
}

/** What ends a leg whose far end may have been gone for a while. */
const GONE: ReadonlySet<string> = new Set(['session-expired', 'dialog-gone', 'media-silent', 'no-ack'])

/**
 * Since when nothing was heard of a leg that has ended by itself for this cause: the last time that its far end has said something inside
 * the dialog, and not before it was answered (PITFALLS B06). Null for other causes, and where its sound shows that it was there until now.
 */
export function goneSince(call: Call, leg: Leg, { reason }: CallCause): Instant | null {
  if (!GONE.has(reason) || !leg.session || (call.media.has(leg.id) && !call.holds?.has(leg))) return null
  const heard = before(call, call.x.clock.now() - leg.session.heardAt)
  const answered = call.x.registry.answeredSince(call.id, leg.id)
  return answered && answered.boot === heard.boot && answered.mono > heard.mono ? answered : heard
}

/** A while ago; ms. */
function before(call: Call, ms: number): Instant {
  const now = call.now()
  return { ...now, wall: now.wall - Math.round(ms), mono: now.mono - Math.round(ms) }
}

/** Whether the leg's far end answers inside the dialog; 481 and 408 end the session by themselves. */
async function proves(call: Call, leg: Leg, watch: Watch): Promise<boolean> {
  const session = leg.session
  if (!session) return true
  const answered = session.request('OPTIONS').then(
    () => true,
    () => false,
  )
  const { promise: silent, resolve } = Promise.withResolvers<boolean>()
  const timer = call.x.clock.after(call.x.limits.proofMs, () => resolve(false))
  const alive = await Promise.race([answered, silent])
  timer.cancel()
  return alive || watch.stopped || leg.cause !== null
}

/** What is watched until the legs are not joined any more. */
export class Watch implements Disposable {
  readonly #call: Call
  readonly #legs: readonly Leg[]
  #timer: Timer | null = null
  stopped = false

  constructor(call: Call, legs: readonly Leg[]) {
    this.#call = call
    this.#legs = legs
  }

  /** Those of the legs whose sound passes by us. */
  proveInRhythm(): void {
    const { clock, limits } = this.#call.x
    this.#timer ??= clock.after(limits.directProofMs, () => void this.#prove())
  }

  async #prove(): Promise<void> {
    const call = this.#call
    const silent = this.#legs.filter((leg) => !call.media.has(leg.id))
    await Promise.all(
      silent.map(async (leg) => {
        if (!(await proves(call, leg, this))) leg.end(causeOf('network', 'media-silent'))
      }),
    )
    this.#timer = null
    if (!this.stopped && silent.length > 0) this.proveInRhythm()
  }

  [Symbol.dispose](): void {
    this.stopped = true
    this.#timer?.cancel()
    for (const leg of this.#legs) {
      const endpoint = this.#call.media.get(leg.id)?.endpoint
      if (!endpoint) continue
      endpoint.onMedia = undefined
      endpoint.watch(0).catch(() => {})
    }
  }
}
