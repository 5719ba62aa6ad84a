import type { Clock, Timer } from '#lib/index.ts'
import type { PlatformConfig, Realm } from '#platform/words/index.ts'
import type { RequestLoad, RequestRefusal } from '#protocol/sip/index.ts'

/** Ms between two looks at the event loop. */
const LOOK_EVERY_MS = 50

/** Refusals that are told, a second: above, a flood is answered by silence, which costs the least. */
const TOLD_PER_SECOND = 200

/** Sources with a rate of their own at once; a source is known, as strangers are dropped before. */
const SOURCES = 1024

/** Seconds' worth of requests that may come at once. */
const BURST_SECONDS = 2

/** A rate with a burst: tokens come evenly, up to what fits. */
class Bucket {
  readonly #perSecond: number
  readonly #room: number
  #tokens: number
  #at: number

  constructor(perSecond: number, room: number, now: number) {
    this.#perSecond = perSecond
    this.#room = room
    this.#tokens = room
    this.#at = now
  }

  take(now: number): boolean {
    this.#tokens = Math.min(this.#room, this.#tokens + ((now - this.#at) * this.#perSecond) / 1000)
    this.#at = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}

const OVERLOADED: RequestRefusal = { status: 503, headers: [['Retry-After', '5']] }

/**
 * What is refused before it costs anything: new requests of a source above its rate or with too many transactions, and
 * new INVITEs while the event loop lags (PITFALLS F06). What belongs to a call that is up passes always, and an
 * emergency call is kept out by neither rate nor lag.
 */
export class Load {
  readonly #clock: Clock
  readonly #limits: PlatformConfig['load']
  readonly #sources = new Map<string, Bucket>()
  readonly #told: Bucket
  #timer: Timer
  #lagMs = 0
  #shed = 0

  constructor(options: { clock: Clock; limits: PlatformConfig['load'] }) {
    this.#clock = options.clock
    this.#limits = options.limits
    this.#told = new Bucket(TOLD_PER_SECOND, TOLD_PER_SECOND, options.clock.now())
    this.#timer = this.#look()
  }

  /** How late the event loop was lately, in ms; falls by half in 0.15 s. */
  get lagMs(): number {
    return this.#lagMs
  }

  /** Requests refused, told or not. */
  get shed(): number {
    return this.#shed
  }

  /** Whether a new request is refused, and how; null lets it in. */
  refuses(realm: Realm, address: string, load: RequestLoad & { emergency: boolean }): RequestRefusal | 'silence' | null {
    const { transactionsPerSource, shedAboveMs } = this.#limits
    if (load.inside) return load.held < 2 * transactionsPerSource ? null : this.#refuse()
    if (load.held >= transactionsPerSource) return this.#refuse()
    if (load.emergency) return null
    if (!this.#bucketOf(realm, address).take(this.#clock.now())) return this.#refuse()
    return load.method === 'INVITE' && this.#lagMs > shedAboveMs ? this.#refuse() : null
  }

  close(): void {
    this.#timer.cancel()
  }

  #refuse(): RequestRefusal | 'silence' {
    this.#shed += 1
    return this.#told.take(this.#clock.now()) ? OVERLOADED : 'silence'
  }

  /** All of a site have one rate together, so that one subscriber's flood leaves the others their share (T11). */
  #bucketOf(realm: Realm, address: string): Bucket {
    const key = realm === 'node' ? address : realm
    const known = this.#sources.get(key)
    if (known) return known
    if (this.#sources.size >= SOURCES) {
      const oldest = this.#sources.keys().next()
      if (!oldest.done) this.#sources.delete(oldest.value)
    }
    const { requestsPerSecond, siteRequestsPerSecond } = this.#limits
    const rate = realm === 'node' ? requestsPerSecond : siteRequestsPerSecond
    const bucket = new Bucket(rate, BURST_SECONDS * rate, this.#clock.now())
    this.#sources.set(key, bucket)
    return bucket
  }

  #look(): Timer {
    const due = this.#clock.now() + LOOK_EVERY_MS
    return this.#clock.after(LOOK_EVERY_MS, () => {
      this.#lagMs = Math.max(this.#clock.now() - due, this.#lagMs * 0.8)
      this.#timer = this.#look()
    })
  }
}
