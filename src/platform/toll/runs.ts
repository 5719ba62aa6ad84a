import type { Clock, Id } from '#lib/index.ts'
import { type CallLease, durationMs, type Instant, instantOf, type Lease } from '#platform/words/index.ts'
import type { Account } from './account.ts'
import { LEAST_MS, limitsUse, type Moment } from './counts.ts'
import { EARLY_MS, GRANT_MS, give, grant, LEAD_MS, type Running, settle, trim } from './grant.ts'

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

/** Ms in which all that run on a balance are looked at once, however many ask: less than {@link LEAST_MS}, so that whoever has that is seen. */
const LOOK_MS = 500

/** The leases that run on granted time. */
export class Runs {
  readonly #options: RunsOptions
  readonly #running = new Map<Id<'lse'>, Running>()
  /** When a balance was shared last, and when it was gathered. */
  readonly #shared = new WeakMap<Account, number>()
  readonly #gathered = new WeakMap<Account, number>()

  constructor(options: RunsOptions) {
    this.#options = options
  }

  has(lease: Id<'lse'>): boolean {
    return this.#running.has(lease)
  }

  /** Takes a lease up that has begun; null where nothing of what it uses is limited. */
  begin(account: Account, lease: CallLease, how: Pick<Running, 'meters' | 'meterage'>): Running | null {
    const meters = how.meters.filter(({ limits }) => limitsUse(limits))
    const purse = how.meterage && account.purse?.holds(lease.answered) ? account.purse : null
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
    grant(running, this.#portion(running.account), this.#options.moment(running.account))
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
    if (running && call) running.call = call
  }

  /** It is over, at this position of the journal. */
  over({ id, answered, released }: Lease, position: number): void {
    const running = this.#running.get(id)
    if (!running) return
    running.timer?.cancel()
    this.#running.delete(id)
    const now = this.#options.moment(running.account)
    settle(running, answered && released ? durationMs(answered, released) : 0, now)
    running.purse?.release(id, position, answered)
    this.#options.changed(running.account, now)
  }

  /** Whether a lease of it runs. */
  isAnyOf(account: Account): boolean {
    return this.#running.values().some((running) => running.account === account)
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

  /**
   * What leases have paid ahead of a balance is given back, for somebody else to be granted, but for what a warning takes; they ask for it
   * anew at once. A flood of demands has that twice a second.
   */
  gather(account: Account): void {
    if (this.#isRecent(this.#gathered, account)) return
    this.#gathered.set(account, this.#options.clock.now())
    for (const running of this.#paying(account)) {
      trim(running, this.#elapsed(running) + LEAD_MS, this.#options.moment(account))
      if (running.answered) this.#await(running)
    }
  }

  /** Asks for more in time. */
  #await(running: Running): void {
    const left = running.grantedMs - this.#elapsed(running)
    this.#askIn(running, Math.max(0, left - (running.warned ? EARLY_MS : LEAD_MS)))
  }

  #askIn(running: Running, ms: number): void {
    running.timer?.cancel()
    running.timer = this.#options.clock.after(ms, () => {
      running.timer = null
      this.#ask(running)
    })
  }

  /** Is granted more, or warns and is cut. */
  #ask(running: Running): void {
    const { account, grantedMs, warned } = running
    const now = this.#options.moment(account)
    delete running.lacks
    grant(running, this.#portion(account), now)
    if (running.lacks === 'no-balance') this.#share(account, now)
    const more = running.grantedMs - grantedMs
    if (more > 0) this.#options.changed(account, now)
    if (more <= 0 && warned) this.#cut(running, now)
    else {
      this.#warn(running)
      this.#await(running)
    }
  }

  /**
   * A balance that does not last: all that run on it have as much time of it, so that none is cut while another has much left. Each of
   * them asks: they are looked at twice a second, and not once for each.
   */
  #share(account: Account, now: Moment): void {
    const { purse } = account
    if (!purse || this.#isRecent(this.#shared, account)) return
    this.#shared.set(account, this.#options.clock.now())
    const all = this.#paying(account)
    for (const running of all) trim(running, this.#elapsed(running), now)
    const costs = (ms: number) =>
      all.reduce(
        (sum, one) => sum + Math.max(0, one.meterage?.costTo(Math.max(one.grantedMs, this.#elapsed(one) + ms), now) ?? 0),
        0,
      )
    let ms = GRANT_MS
    while (ms >= LEAST_MS && costs(ms) > purse.leftMicros) ms -= LEAST_MS
    for (const running of all) {
      const more = this.#elapsed(running) + ms - running.grantedMs
      if (more >= LEAST_MS) grant(running, more, now)
    }
    for (const running of all) {
      if (!running.answered) continue
      this.#warn(running)
      this.#await(running)
    }
  }

  /** Whoever talks hears it once, whatever of a call runs out. */
  #warn(running: Running): void {
    const near = running.grantedMs - this.#elapsed(running) <= LEAD_MS
    if (near && !running.warned && !this.#isWarned(running)) this.#options.warn(limited(running))
    running.warned = near
  }

  #cut(running: Running, now: Moment): void {
    this.#options.changed(running.account, now, true)
    this.#options.cut(limited(running))
    // What could not be cut, since there is an emergency in its call, is when that is over.
    if (this.#running.has(running.lease)) this.#askIn(running, LEAD_MS)
  }

  #isWarned({ call, account }: Running): boolean {
    if (!account.purse) return false
    for (const other of this.#running.values()) if (other.call === call && other.warned) return true
    return false
  }

  #paying(account: Account): Running[] {
    return [...this.#running.values()].filter((running) => running.account === account && running.purse)
  }

  /** What one is granted at a time: of what is over when all have been given the same, a little, so that others have some of it, too. */
  #portion(account: Account): number {
    return this.#isRecent(this.#shared, account) ? LEAST_MS : GRANT_MS
  }

  #isRecent(times: WeakMap<Account, number>, account: Account): boolean {
    return this.#options.clock.now() - (times.get(account) ?? Number.NEGATIVE_INFINITY) < LOOK_MS
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
