import type { Clock, Id } from '#lib/index.ts'
import { durationMs, type Instant, instantOf, type Lease } from '#platform/words/index.ts'
import type { Account } from './account.ts'
import { limitsUse, type Moment } from './counts.ts'
import { EARLY_MS, GRANT_MS, give, grant, LEAD_MS, type Running, settle } from './grant.ts'

/** A leg that runs out of what it may use, or a call where the lease is of no leg; `why` is the cause of its end. */
export interface Limited extends Pick<Running, 'call' | 'leg'> {
  why: 'toll-limit' | 'no-balance'
}

interface RunsOptions {
  clock: Clock
  boot: string
  /** It ends within {@link LEAD_MS}: whoever talks should hear it. */
  warn(leg: Limited): void
  /** It ends now. */
  cut(leg: Limited): void
  moment(account: Account): Moment
  /** What counts has changed; `refused` where something could not be granted. */
  changed(account: Account, now: Moment, refused?: boolean): void
}

/** The leases that run on granted time. */
export class Runs {
  readonly #options: RunsOptions
  readonly #running = new Map<Id<'lse'>, Running>()

  constructor(options: RunsOptions) {
    this.#options = options
  }

  has(lease: Id<'lse'>): boolean {
    return this.#running.has(lease)
  }

  /** Takes a lease up that has begun; null where nothing of what it uses is limited. */
  begin(account: Account, lease: Lease, how: Pick<Running, 'meters' | 'meterage'>): Running | null {
    const meters = how.meters.filter(({ limits }) => limitsUse(limits))
    const purse = how.meterage ? account.purse : null
    if (meters.length === 0 && !purse) return null
    const { id, leg, call } = lease
    const running: Running = {
      ...{ account, lease: id, leg, call, meters, purse, meterage: how.meterage },
      ...{ grantedMs: 0, answered: null, warned: false, timer: null },
    }
    this.#running.set(id, running)
    return running
  }

  grant(running: Running): void {
    grant(running, GRANT_MS, this.#options.moment(running.account))
  }

  /** One that was there before it was looked at: what it has used already it has, whatever is left, and `leadMs` more. */
  resume(running: Running, lease: Lease, leadMs: number): void {
    const now = this.#options.moment(running.account)
    const usedMs = lease.answered ? durationMs(lease.answered, this.#now()) + leadMs : 0
    if (usedMs > 0) give(running, usedMs, now)
    else if (grant(running, GRANT_MS, now) === 0 && leadMs > 0) give(running, leadMs, now)
    if (lease.answered) this.answered(lease.id, lease.answered)
  }

  answered(lease: Id<'lse'>, at: Instant): void {
    const running = this.#running.get(lease)
    if (!running) return
    running.answered = at
    this.#await(running)
  }

  moved({ id, call }: Lease): void {
    const running = this.#running.get(id)
    if (running) running.call = call
  }

  /** It is over, at this position of the journal. */
  over({ id, answered, released }: Lease, position: number): void {
    const running = this.#running.get(id)
    if (!running) return
    running.timer?.cancel()
    this.#running.delete(id)
    const now = this.#options.moment(running.account)
    settle(running, answered && released ? durationMs(answered, released) : 0, now)
    running.purse?.release(id, position)
    this.#options.changed(running.account, now)
  }

  /** Forgets those of an account; what they were granted is taken back. */
  drop(account: Account): void {
    for (const running of this.#running.values()) {
      if (running.account !== account) continue
      running.timer?.cancel()
      this.#running.delete(running.lease)
    }
    account.takeBack()
  }

  /** Asks for more in time, or warns and cuts. */
  #await(running: Running): void {
    const left = running.grantedMs - this.#elapsed(running)
    running.timer = this.#options.clock.after(Math.max(0, left - (running.warned ? EARLY_MS : LEAD_MS)), () => {
      running.timer = null
      const now = this.#options.moment(running.account)
      const more = grant(running, GRANT_MS, now)
      if (more > 0) this.#options.changed(running.account, now)
      if (more === 0 && running.warned) return this.#cut(running, now)
      const near = running.grantedMs - this.#elapsed(running) <= LEAD_MS
      // Whoever talks hears it once, whatever of the call runs out.
      if (near && !running.warned && !this.#isWarned(running)) this.#options.warn(limited(running))
      running.warned = near
      this.#await(running)
    })
  }

  #cut(running: Running, now: Moment): void {
    this.#options.changed(running.account, now, true)
    this.#options.cut(limited(running))
  }

  #isWarned({ call, account }: Running): boolean {
    if (!account.purse) return false
    for (const other of this.#running.values()) if (other.call === call && other.warned) return true
    return false
  }

  #elapsed({ answered }: Running): number {
    return answered ? durationMs(answered, this.#now()) : 0
  }

  #now(): Instant {
    return instantOf(this.#options.clock, this.#options.boot)
  }
}

function limited({ call, leg, lacks }: Running): Limited {
  return { call, leg, why: lacks ?? 'toll-limit' }
}
