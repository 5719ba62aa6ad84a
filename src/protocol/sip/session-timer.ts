import type { Core } from './core.ts'
import { SipFailure } from './failure.ts'
import { glareDelayMs } from './glare.ts'
import type { SipResponse } from './message.ts'
import { askInterval, grantedInterval, minimumOf, type SessionInterval } from './session-interval.ts'
import { type TimerOwner, WheelTimer } from './timer-wheel.ts'
import type { HeaderList } from './types.ts'

/** The session, as its timer needs it. */
export interface TimedSession {
  /** Whether the Call-ID of the dialog is ours. */
  readonly ownsCallId: boolean
  /** Sends a refresh: UPDATE, or a re-INVITE that changes nothing. Rejects with SipFailure. */
  refresh(headers: HeaderList): Promise<SipResponse>
  /** Nothing has proven the session in time. */
  expire(): void
}

/**
 * The session timer of one leg (RFC 4028 §10, PITFALLS S30–S33). Where the refresh is ours it goes out at half of the
 * interval, and the session ends with the interval if none is granted; where it is theirs, min(32 s, a third) before.
 */
export class SessionTimer implements TimerOwner {
  readonly #core: Core
  readonly #session: TimedSession
  /** Made where there is an interval. */
  #timers: { refresh: WheelTimer; expiry: WheelTimer } | null = null
  #interval: SessionInterval | null = null

  constructor(core: Core, session: TimedSession) {
    this.#core = core
    this.#session = session
  }

  get interval(): SessionInterval | null {
    return this.#interval
  }

  /** The session has been refreshed, and this is what holds from now on; null for no timer. */
  set(interval: SessionInterval | null): void {
    this.stop()
    this.#interval = interval
    if (!interval) return
    const { wheel } = this.#core.transactions
    const ms = interval.seconds * 1000
    this.#timers ??= { refresh: new WheelTimer(this), expiry: new WheelTimer(this) }
    const { refresh, expiry } = this.#timers
    if (interval.refresher === 'us') {
      wheel.arm(refresh, ms / 2, 'refresh')
      wheel.arm(expiry, ms, 'expire')
    } else {
      wheel.arm(expiry, ms - Math.min(32_000, ms / 3), 'expire')
    }
  }

  stop(): void {
    if (!this.#timers) return
    const { wheel } = this.#core.transactions
    wheel.cancel(this.#timers.refresh)
    wheel.cancel(this.#timers.expiry)
  }

  onTimer(name: string): void {
    if (name === 'expire') {
      this.stop()
      this.#session.expire()
    } else if (this.#interval) void this.#ask(this.#interval.seconds)
  }

  async #ask(seconds: number): Promise<void> {
    try {
      const response = await this.#session.refresh(askInterval(seconds, 'uac'))
      if (response.status < 300) this.set(grantedInterval(response))
      else if (response.status === 422 && minimumOf(response) > seconds) await this.#ask(minimumOf(response))
      else if (response.status === 491) this.#askLater()
    } catch (error) {
      // Any other end of the request has ended the session with it, or the expiry will.
      const glare = error instanceof SipFailure && error.reason === 'glare'
      if (glare) this.#askLater()
    }
  }

  #askLater(): void {
    const { wheel } = this.#core.transactions
    if (this.#timers) wheel.arm(this.#timers.refresh, glareDelayMs(this.#session.ownsCallId), 'refresh')
  }
}
