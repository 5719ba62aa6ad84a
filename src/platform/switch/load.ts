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
  #refused = 0
  #second = 0
  #taken = 0
  #tokens: number
  #at: number

  constructor(perSecond: number, room: number, now: number) {
    this.#perSecond = perSecond
    this.#room = room
    this.#tokens = room
    this.#at = now
  }

  /** `share`: how many may be taken in one second, whatever there is. */
  take(now: number, share = Number.POSITIVE_INFINITY): boolean {
    if (now - this.#second >= 1000) {
      this.#second = now
      this.#taken = 0
    }
    this.#tokens = Math.min(this.#room, this.#tokens + ((now - this.#at) * this.#perSecond) / 1000)
    this.#at = now
    if (this.#tokens === this.#room) this.#refused = 0
    if (this.#tokens < 1 || this.#taken >= share) {
      this.#refused += 1
      return false
    }
    this.#tokens -= 1
    this.#taken += 1
    return true
  }

  /** Refusals since the last time when it was full. */
  get refused(): number {
    return this.#refused
  }

  /** Whether something is left; takes nothing. */
  has(now: number, share: number): boolean {
    if (now - this.#second < 1000 && this.#taken >= share) return false
    return this.#tokens + ((now - this.#at) * this.#perSecond) / 1000 >= 1
  }
}

/**
 * Share of time in which the event loop worked, above which it cannot keep up: what it does not read in time, the kernel
 * drops, whosever it is, and no lag is seen. So many looks in a row, as a burst is no overload.
 */
const BUSY = 0.95
const BUSY_LOOKS = 20

/** New requests that each source may have in a second while the node cannot keep up: who asks little is served. */
const FAIR_SHARE = 200

/** Refusals in a row that make a source one that floods. */
const FLOOD = 1000

const NEW = /^(?:INVITE|REGISTER|OPTIONS|SUBSCRIBE|MESSAGE|PUBLISH|REFER|NOTIFY) /
const IN_DIALOG = /^(?:to|t)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=/im
/** Octets in which To is looked for: a message whose head is longer is parsed. */
const HEAD = 2048

/** Whether a message is a request outside any dialog, as far as its first octets tell. */
function beginsSomething(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, HEAD)).toString('latin1')
  return NEW.test(head) && !IN_DIALOG.test(head)
}

const OVERLOADED: RequestRefusal = { status: 503, headers: [['Retry-After', '5']] }

/**
 * What is refused before it costs anything: new requests of a source above its rate or with too many transactions, and
 * new INVITEs while the event loop lags (PITFALLS F06). What belongs to a call that is up passes always, and an
 * emergency call is kept out by neither rate nor lag.
 */
export class Load {
  readonly #clock: Clock
  readonly #utilization: () => number
  readonly #limits: PlatformConfig['load']
  readonly #sources = new Map<string, Bucket>()
  readonly #told: Bucket
  #timer: Timer
  #lagMs = 0
  /** Looks in a row that found the event loop with hardly an idle moment. */
  #busy = 0
  #shed = 0

  constructor(options: { clock: Clock; limits: PlatformConfig['load']; utilization(): number }) {
    this.#clock = options.clock
    this.#utilization = options.utilization
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
    const bucket = this.#bucketOf(realm, address)
    if (!bucket.take(this.#clock.now(), this.#busy >= BUSY_LOOKS ? FAIR_SHARE : Number.POSITIVE_INFINITY)) return this.#refuse()
    return load.method === 'INVITE' && this.#lagMs > shedAboveMs ? this.#refuse() : null
  }

  /**
   * Whether a message of a source that floods is dropped before it is parsed: it begins something new, and the source has
   * been told more than enough. What it has to say in its calls is read, and what a site sends to an emergency number.
   */
  drops(realm: Realm, address: string, bytes: Uint8Array): boolean {
    const bucket = this.#sources.get(realm === 'node' ? address : realm)
    if (!bucket || realm !== 'node' || bucket.refused < FLOOD || this.#mayTake(bucket) || !beginsSomething(bytes)) return false
    this.#shed += 1
    return true
  }

  close(): void {
    this.#timer.cancel()
  }

  #mayTake(bucket: Bucket): boolean {
    return bucket.has(this.#clock.now(), this.#busy >= BUSY_LOOKS ? FAIR_SHARE : Number.POSITIVE_INFINITY)
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
      this.#busy = this.#utilization() > BUSY ? this.#busy + 1 : 0
      this.#lagMs = Math.max(this.#clock.now() - due, this.#lagMs * 0.8)
      this.#timer = this.#look()
    })
  }
}
