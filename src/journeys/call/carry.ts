import type { Leg } from '#platform/switch/index.ts'
import { type DialResult, durationMs, type Instant } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { type Watch, watchLife } from './life.ts'
import type { Wish } from './wish.ts'

/**
 * Two joined legs that are carried until the dialled one is over, or the whole call, as when its caller hangs up, or something else is
 * asked of them. It is the same after a restart of the switch, and needs nothing but the call.
 */
export class Carrying {
  readonly #call: Call
  readonly #b: Leg
  readonly #joinedAt: Instant
  readonly #life: Watch
  /** What is asked of them; null where the dialled one, or the call, is over first. */
  readonly wishOrEnd: Promise<Wish | null>
  #settle!: (wish: Wish | null) => void

  constructor(call: Call, b: Leg) {
    this.#call = call
    this.#b = b
    this.#joinedAt = call.x.registry.answeredSince(call.id, b.id) ?? call.now()
    call.phase = 'joined'
    this.#life = watchLife(call, [call.a, b])
    this.wishOrEnd = new Promise((resolve) => {
      this.#settle = resolve
    })
    call.carrying = this
    if (call.wish || call.cause || b.cause) this.#stop(call.wish)
  }

  asked(wish: Wish): void {
    this.#stop(wish)
  }

  legEnded(leg: Leg): void {
    if (leg === this.#b) this.#stop(null)
  }

  /** The call is over. */
  end(): void {
    this.#stop(null)
  }

  /** How it has ended, where nothing is asked of them. */
  result(): DialResult {
    const call = this.#call
    const cause = call.cause ?? this.#b.cause!
    // The caller's audio is bound to a far end that is gone, and nothing of ours has ever been offered to it.
    if (call.direct) call.end(cause)
    if (!call.cause) {
      call.phase = 'verb'
      call.save()
    }
    return { status: 'answered', durationSeconds: durationMs(this.#joinedAt, call.now()) / 1000, cause }
  }

  /** The first word counts. */
  #stop(wish: Wish | null): void {
    if (this.#call.carrying !== this) return
    this.#call.carrying = null
    this.#life[Symbol.dispose]()
    this.#settle(wish)
  }
}
