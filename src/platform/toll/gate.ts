import { type Clock, type Id, newId } from '#lib/index.ts'
import {
  type CallOut,
  type Demand,
  durationMs,
  type Instant,
  instantOf,
  type JournalRecord,
  type Lease,
  type Refusal,
  type Tariff,
  type TollClass,
  type TollRules,
  type TollUse,
} from '#platform/words/index.ts'
import { Account, type AccountState, metAmong, type Terms } from './account.ts'
import { classFinder, policyFor } from './classes.ts'
import { begin, LEAST_MS, type Moment } from './counts.ts'
import { Days } from './day.ts'
import { brokeFor, EARLY_MS, GRANT_MS, give, grant, LEAD_MS, type Running, settle } from './grant.ts'
import { Meterage, type Pricing, Tariffs } from './price.ts'

/** What the gate is made of; a Snapshot is one. */
export interface TollConfiguration {
  /** Absent where control is of an older release: everything is allowed. */
  tollClasses?: readonly TollClass[]
  tariffs?: readonly Tariff[]
  subscribers: readonly { id: Id<'sub'>; toll?: TollRules; timeZone?: string; plan?: string }[]
}

/** A leg that runs out of what it may use. */
export type Limited = Pick<Running, 'call' | 'leg'>

export interface TollOptions {
  clock: Clock
  boot: string
  pricing: Pricing
  /** The journal's `append`: counts have to survive a restart, and events tell of limits. */
  record(record: JournalRecord): void
  /** It ends within {@link LEAD_MS}: whoever talks should hear it. */
  warn(leg: Limited): void
  /** A limit is met: it ends now. */
  cut(leg: Limited): void
}

const NO_CLASSES: readonly TollClass[] = []
const NO_TARIFFS: readonly Tariff[] = []

/**
 * Whether a call out may be placed, at whose cost it is (PITFALLS F14). The registry asks it of every `trunk.out` that is demanded, so
 * nothing that costs passes it by, whoever has dialled; emergency calls are not asked about. What it counts, it sees in what the
 * registry records of leases, so that what was leased was counted, and once.
 */
export class TollGate {
  readonly #options: TollOptions
  readonly #days = new Days()
  readonly #accounts = new Map<Id<'sub'>, Account>()
  readonly #running = new Map<Id<'lse'>, Running>()
  #classes = NO_CLASSES
  #finder = classFinder([])
  #published = NO_TARIFFS
  #tariffs = new Tariffs([])
  #configured = new Map<Id<'sub'>, Terms>()

  constructor(options: TollOptions) {
    this.#options = options
  }

  /** Sets all limits anew; calls that are up go on, as far as the new ones let them. */
  configure({ tollClasses = NO_CLASSES, tariffs = NO_TARIFFS, subscribers }: TollConfiguration): void {
    // A publication has what has not changed as it was.
    if (tollClasses !== this.#classes) this.#finder = classFinder(tollClasses)
    if (tariffs !== this.#published) this.#tariffs = new Tariffs(tariffs)
    this.#classes = tollClasses
    this.#published = tariffs
    this.#configured = new Map(
      subscribers.map(({ id, toll: rules = {}, timeZone = 'UTC', plan = '' }) => [id, { rules, timeZone, plan }]),
    )
    for (const account of this.#accounts.values()) {
      account.change(this.#configured.get(account.subscriber) ?? NOTHING, tollClasses)
    }
  }

  /** Why this may not be leased; null where it may. */
  refuses(subscriber: Id<'sub'>, demand: Demand): Refusal | null {
    if (demand.kind !== 'trunk.out' || demand.detail?.emergency) return null
    const found = this.#finder.of(demand.detail?.number ?? '')
    const denied = this.#denies(subscriber, found)
    const account = denied ? null : this.#account(subscriber, found)
    if (!account) return denied
    const meters = account.metersOf(found)
    const now = this.#moment(account)
    const met = metAmong(meters, now, demand.out)
    const broke = met ? null : brokeFor(meters, this.#meterage(account, demand.detail?.number)?.costTo(LEAST_MS, now) ?? 0, now)
    if (broke) return refusal({ limitedBy: 'spend', limit: broke.limit, inUse: broke.used, rule: broke.rule, class: broke.class })
    return met && refusal({ limitedBy: 'velocity', limit: met.limit, inUse: met.used, rule: met.rule, class: met.class })
  }

  /** Sees what the registry records of leases; of one that is taken, which call out it is. */
  saw(record: JournalRecord, out?: CallOut): void {
    switch (record.type) {
      case 'lease.taken':
        if (isCounted(record.lease)) this.#began(record.lease, out)
        return
      case 'lease.answered': {
        const running = this.#running.get(record.lease)
        if (running) this.#answered(running, record.at)
        return
      }
      case 'lease.moved': {
        const running = this.#running.get(record.lease.id)
        if (running) running.call = record.lease.call
        return
      }
      case 'lease.released': {
        const running = this.#running.get(record.lease.id)
        if (running) this.#over(running, record.lease)
        return
      }
    }
  }

  /** Takes up what was counted before a restart, and the calls that still run. */
  restore(states: readonly { subscriber: Id<'sub'>; state: unknown }[], leases: readonly Lease[]): void {
    for (const { subscriber, state } of states) {
      const terms = this.#configured.get(subscriber)
      if (!terms) {
        this.#options.record({ type: 'toll', at: this.#now(), subscriber, state: null })
        continue
      }
      const account = new Account(subscriber, terms)
      this.#accounts.set(subscriber, account)
      account.restore(state as AccountState, this.#classes, this.#moment(account))
    }
    for (const lease of leases) {
      const account = isCounted(lease) && this.#accounts.get(lease.subscriber)
      const running = account && this.#run(account, lease)
      if (!running) continue
      // What it has used already it has, whatever is left.
      const now = this.#moment(account)
      if (lease.answered) give(running, durationMs(lease.answered, this.#now()), now)
      else grant(running, GRANT_MS, now)
      if (lease.answered) this.#answered(running, lease.answered)
    }
  }

  /** How far all limits are used up, or those of one subscriber. */
  uses(subscriber?: Id<'sub'>): TollUse[] {
    return [...this.#accounts.values()].flatMap((account) =>
      subscriber === undefined || account.subscriber === subscriber
        ? account.uses(this.#moment(account)).map((use) => ({ subscriber: account.subscriber, ...use }))
        : [],
    )
  }

  /** Null where calls to the number cost nothing. */
  #meterage(account: Account, number = ''): Meterage | null {
    const rate = this.#tariffs.rateOf(account.plan, number)
    return rate ? new Meterage(account, rate, this.#options.pricing) : null
  }

  #denies(subscriber: Id<'sub'>, found: TollClass | undefined): Refusal | null {
    if (!found || policyFor(found, this.#configured.get(subscriber)?.rules.classes) !== 'denied') return null
    return refusal({ limitedBy: 'class', limit: 0, inUse: 0, class: found.name })
  }

  #began(lease: Lease, out: CallOut = { counted: new Set() }): void {
    const found = this.#finder.of(lease.detail?.number ?? '')
    const account = this.#account(lease.subscriber, found)
    const meters = account?.metersOf(found) ?? []
    if (!account || meters.length === 0) return
    const now = this.#moment(account)
    for (const meter of meters.filter(({ class: name }) => !out.counted.has(name))) {
      begin(meter.counts, now)
      out.counted.add(meter.class)
    }
    const running = this.#run(account, lease)
    if (running) grant(running, GRANT_MS, now)
    this.#changed(account, now)
  }

  /** Null where neither minutes nor money are limited. */
  #run(account: Account, lease: Lease): Running | null {
    const meters = account
      .metersOf(this.#finder.of(lease.detail?.number ?? ''))
      .filter(
        ({ limits }) =>
          limits.minutesPerDay !== undefined || limits.spendPerDay !== undefined || limits.spendPerMonth !== undefined,
      )
    if (meters.length === 0) return null
    const { id, leg, call } = lease
    const running: Running = {
      ...{ account, lease: id, leg, call, meters, grantedMs: 0, answered: null, warned: false, timer: null },
      meterage: this.#meterage(account, lease.detail?.number),
    }
    this.#running.set(id, running)
    return running
  }

  #answered(running: Running, at: Instant): void {
    running.answered = at
    this.#await(running)
  }

  /** Asks for more in time, or warns and cuts. */
  #await(running: Running): void {
    const left = running.grantedMs - this.#elapsed(running)
    running.timer = this.#options.clock.after(Math.max(0, left - (running.warned ? EARLY_MS : LEAD_MS)), () => {
      running.timer = null
      const now = this.#moment(running.account)
      const more = grant(running, GRANT_MS, now)
      if (more > 0) this.#changed(running.account, now)
      if (more === 0 && running.warned) return this.#options.cut(running)
      const near = running.grantedMs - this.#elapsed(running) <= LEAD_MS
      if (near && !running.warned) this.#options.warn(running)
      running.warned = near
      this.#await(running)
    })
  }

  #over(running: Running, { answered, released }: Lease): void {
    running.timer?.cancel()
    this.#running.delete(running.lease)
    const now = this.#moment(running.account)
    settle(running, answered && released ? durationMs(answered, released) : 0, now)
    this.#changed(running.account, now)
  }

  #elapsed({ answered }: Running): number {
    return answered ? durationMs(answered, this.#now()) : 0
  }

  /** Null where nothing is limited: then nothing is counted. */
  #account(subscriber: Id<'sub'>, found: TollClass | undefined): Account | null {
    const known = this.#accounts.get(subscriber)
    if (known) return known
    const terms = this.#configured.get(subscriber) ?? NOTHING
    const { rules } = terms
    if (!rules.limits && !(found && policyFor(found, rules.classes) === 'limited')) return null
    const account = new Account(subscriber, terms)
    this.#accounts.set(subscriber, account)
    return account
  }

  /** Counts go to the journal, and what they have come near to is told. */
  #changed(account: Account, now: Moment): void {
    const { subscriber } = account
    const at = this.#now()
    this.#options.record({ type: 'toll', at, subscriber, state: account.state() })
    for (const { type, use } of account.notices(now)) {
      const event = {
        id: newId('evt', at.wall),
        subscriber,
        number: 0,
        at: new Date(at.wall).toISOString(),
        type,
        data: { ...use },
      }
      this.#options.record({ type: 'event', at, event })
    }
  }

  #moment({ timeZone }: Account): Moment {
    return this.#days.moment(this.#options.clock.wall(), timeZone)
  }

  #now(): Instant {
    return instantOf(this.#options.clock, this.#options.boot)
  }
}

/** Of a subscriber that is on its way out. */
const NOTHING: Terms = { rules: {}, timeZone: 'UTC', plan: '' }

function isCounted({ kind, detail }: Lease): boolean {
  return kind === 'trunk.out' && !detail?.emergency
}

function refusal(what: Pick<Refusal, 'limitedBy' | 'limit' | 'inUse' | 'class' | 'rule'>): Refusal {
  const { class: name, inUse, ...rest } = what
  return {
    ...{ kind: 'trunk.out', requested: 1, holders: [], fault: 'subscriber' },
    ...{ ...rest, inUse: Math.round(inUse * 100) / 100 },
    ...(name ? { class: name } : {}),
  }
}
