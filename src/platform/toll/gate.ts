import { type Id, newId } from '#lib/index.ts'
import {
  AGENT_KINDS,
  type CallOut,
  type Demand,
  type EventType,
  type Instant,
  instantOf,
  isOfCall,
  type JournalRecord,
  type Lease,
  type Refusal,
  type TollBalance,
  type TollClass,
  type TollUse,
} from '#platform/words/index.ts'
import { Account, type AccountState, heldTo, type Meter, type Terms } from './account.ts'
import { classFinder, policyFor } from './classes.ts'
import { begin, type Moment } from './counts.ts'
import { Days } from './day.ts'
import { LEAD_MS } from './grant.ts'
import type { TollConfiguration, TollOptions } from './options.ts'
import { Prices } from './price.ts'
import { overBalance, overClass, overLimit } from './refuse.ts'
import { Runs } from './runs.ts'
import { countUnheard, heardTo, type Opened } from './unheard.ts'

const NO_CLASSES: readonly TollClass[] = []

/**
 * Whether what costs may begin, at whose cost it is (PITFALLS F14, B09). The registry asks it of every `trunk.out` that is demanded, and of
 * all that has a price where it is paid in advance, so nothing that costs passes it by, whoever has dialled; emergency calls are not
 * asked about. What it counts, it sees in what the registry records of leases, so that what was leased was counted, and once.
 */
export class TollGate {
  readonly #options: TollOptions
  readonly #days = new Days()
  readonly #accounts = new Map<Id<'sub'>, Account>()
  readonly #runs: Runs
  #classes = NO_CLASSES
  #finder = classFinder([])
  readonly #prices: Prices
  #configured = new Map<Id<'sub'>, Terms>()
  /** Whether any class, limit or balance is configured: without, nothing is asked. */
  #isAny = false
  /** What a former process has left is taken up. */
  #restored = false

  constructor(options: TollOptions) {
    this.#options = options
    this.#prices = new Prices(options.pricing)
    this.#runs = new Runs({
      ...options,
      moment: (account) => this.#moment(account),
      changed: (account, now, refused) => this.#changed(account, now, refused),
    })
  }

  /** Sets all limits and balances anew; calls that are up go on, as far as the new ones let them. */
  configure({ tollClasses = NO_CLASSES, tariffs = [], subscribers }: TollConfiguration): void {
    // A publication has what has not changed as it was.
    if (tollClasses !== this.#classes) this.#finder = classFinder(tollClasses)
    this.#prices.publish(tariffs)
    const [before, classes] = [this.#configured, this.#classes]
    this.#classes = tollClasses
    this.#configured = new Map(
      subscribers.map(({ id, toll: rules = {}, timeZone = 'UTC', plan = '', spent, prepaid }) => [
        id,
        { rules, timeZone, plan, spent, prepaid },
      ]),
    )
    this.#isAny = tollClasses.length > 0 || subscribers.some(({ toll, prepaid }) => toll?.limits || prepaid)
    for (const account of this.#accounts.values()) {
      const terms = this.#configured.get(account.subscriber)
      account.change(terms ?? NOTHING, tollClasses)
      if (terms) continue
      // Leases of one that is gone pay on, as long as they run.
      account.purse = null
      this.#forget(account)
    }
    if (!this.#restored) return
    for (const [subscriber, terms] of this.#configured) this.#adapt(subscriber, terms, before.get(subscriber), classes)
  }

  /** Why this may not be leased, with what is asked for at the same time; null where it may. Of what is asked `ahead` nobody is told. */
  refuses(subscriber: Id<'sub'>, demand: Demand, beside: readonly Demand[] = [], ahead = false): Refusal | null {
    if (!this.#isAny && this.#accounts.size === 0) return null
    // What an agent holds the ledger charges, whatever is left: a program is not taken away for want of a balance.
    if (demand.detail?.emergency || AGENT_KINDS.has(demand.kind)) return null
    const out = demand.kind === 'trunk.out'
    const found = out ? this.#finder.of(demand.detail?.number ?? '') : undefined
    const denied = out ? this.#denies(subscriber, found) : null
    const account = denied ? null : this.#account(subscriber, found)
    if (!account) return denied
    const limited = out ? this.#limits(account, demand, account.metersOf(found)) : null
    return limited ?? this.#poor(account, demand, beside, ahead)
  }

  /** Sees what the registry records of leases, and at which position it stands; of one that is taken, which call out it is. */
  saw(record: JournalRecord, position: number, out?: CallOut): void {
    // Whatever is asked for has its account by now, if it has one.
    if (this.#accounts.size === 0) return
    if (record.type === 'lease.taken') this.#began(record.lease, out)
    else if (record.type === 'lease.answered') this.#runs.answered(record.lease, record.at)
    else if (record.type === 'lease.moved') this.#runs.moved(record.lease)
    else if (record.type === 'lease.released') {
      this.#runs.over(record.lease, position)
      const account = this.#configured.has(record.lease.subscriber) ? null : this.#accounts.get(record.lease.subscriber)
      if (account) this.#forget(account)
    }
  }

  /** Takes up what was counted before a restart, the leases that are held still, and what the ledger does not know yet. */
  async restore(states: readonly { subscriber: Id<'sub'>; state: unknown }[], leases: readonly Lease[]): Promise<void> {
    this.#restored = true
    for (const { subscriber, state } of states) {
      const terms = this.#configured.get(subscriber)
      if (!terms) {
        this.#options.record({ type: 'toll', at: this.#now(), subscriber, state: null })
        continue
      }
      const account = this.#open(subscriber, terms)
      account.restore(state as AccountState, this.#classes, this.#moment(account))
    }
    const opened: Opened[] = []
    for (const [subscriber, terms] of this.#configured) {
      const account = this.#accounts.get(subscriber) ?? (this.#isKept(terms) ? this.#open(subscriber, terms) : null)
      if (!account) continue
      const fresh = account.begin(this.#classes, terms.spent, this.#moment(account))
      opened.push({ account, fresh, terms, purse: account.purse })
    }
    const late = this.#late(opened)
    for (const lease of leases) {
      const account = this.#accounts.get(lease.subscriber)
      if (account) this.#resume(account, lease, 0)
    }
    await late
  }

  /** How far all limits are used up, or those of one subscriber. */
  uses(subscriber?: Id<'sub'>): TollUse[] {
    return this.#of(subscriber).flatMap((account) =>
      account.uses(this.#moment(account)).map((use) => ({ subscriber: account.subscriber, ...use })),
    )
  }

  /** What is left of the balances of those who pay in advance. */
  balances(subscriber?: Id<'sub'>): TollBalance[] {
    return this.#of(subscriber).flatMap(({ subscriber: id, purse }) => (purse ? [{ subscriber: id, ...purse.state }] : []))
  }

  /** The journal is read again from here after a restart; null where nothing of it is needed. */
  get keptFrom(): number | null {
    const kept = [...this.#accounts.values()].flatMap(({ purse }) => purse?.keptFrom ?? [])
    return kept.length > 0 ? Math.min(...kept) : null
  }

  #of(subscriber: Id<'sub'> | undefined): Account[] {
    return [...this.#accounts.values()].filter((account) => subscriber === undefined || account.subscriber === subscriber)
  }

  /** A limit of what running calls use, or a balance, that was not there: what was used before counts, and calls that run are held to it. */
  #adapt(subscriber: Id<'sub'>, terms: Terms, before: Terms | undefined, classes: readonly TollClass[]): void {
    const known = this.#accounts.get(subscriber)
    const had = new Set(before ? heldTo(before.rules, classes) : [])
    const limited = heldTo(terms.rules, this.#classes).some((rule) => !had.has(rule))
    const { prepaid } = terms
    const purse = known?.purse
    const renewed = prepaid && purse && before?.plan === terms.plan
    if (renewed) purse.renew(prepaid)
    const pays = !renewed && (prepaid || purse)
    if (known && !limited && !pays) this.#tell(known, false)
    if (!limited && !pays) return
    const account = known ?? this.#open(subscriber, terms)
    this.#runs.drop(account)
    if (pays) account.pays(prepaid)
    const fresh = account.begin(this.#classes, terms.spent, this.#moment(account))
    for (const lease of this.#options.leases()) if (lease.subscriber === subscriber) this.#resume(account, lease, LEAD_MS)
    this.#changed(account, this.#moment(account))
    void this.#late([{ account, fresh, terms, purse: account.purse }])
  }

  /** What had been released when these were opened, and was not in what control has told: read once for all of them. */
  async #late(opened: readonly Opened[]): Promise<void> {
    const behind = opened.filter((one) => heardTo(one).length > 0)
    if (behind.length === 0) return
    const bySubscriber = new Map(behind.map((one) => [one.account.subscriber, one]))
    for await (const some of this.#options.released(Math.min(...behind.flatMap(heardTo)))) {
      for (const over of some) {
        const one = bySubscriber.get(over.lease.subscriber)
        if (!one) continue
        const meters = (number: string) => one.account.metersOf(this.#finder.of(number))
        countUnheard(one, over, { prices: this.#prices, meters, now: this.#moment(one.account) })
      }
    }
    for (const { account } of behind) this.#changed(account, this.#moment(account))
  }

  #limits(account: Account, demand: Demand, meters: readonly Meter[]): Refusal | null {
    return overLimit(meters, {
      micros: this.#prices.firstCost(account, demand, this.#moment(account)),
      now: this.#moment(account),
      out: demand.out,
    })
  }

  /** Whether the balance has not what the first increment costs. What costs nothing is granted, whatever is owed. */
  #poor(account: Account, demand: Demand, beside: readonly Demand[], ahead: boolean): Refusal | null {
    const { purse } = account
    if (!purse) return null
    const others = beside
      .filter(({ detail }) => !detail?.emergency)
      .reduce((sum, one) => sum + this.#prices.firstCost(account, one, this.#moment(account)), 0)
    const costs = { micros: this.#prices.firstCost(account, demand, this.#moment(account)), others }
    if (!overBalance(purse, demand.kind, costs)) return null
    this.#runs.gather(account)
    const refused = overBalance(purse, demand.kind, costs)
    if (refused && !ahead) this.#tell(account, true)
    return refused
  }

  #denies(subscriber: Id<'sub'>, found: TollClass | undefined): Refusal | null {
    if (!found || policyFor(found, this.#configured.get(subscriber)?.rules.classes) !== 'denied') return null
    return overClass(found.name)
  }

  #began(lease: Lease, out: CallOut = { counted: [] }): void {
    if (lease.detail?.emergency || !isOfCall(lease)) return
    const account = this.#accounts.get(lease.subscriber)
    const isOut = lease.kind === 'trunk.out'
    if (!account || (!isOut && !account.purse)) return
    const meters = isOut ? account.metersOf(this.#finder.of(lease.detail?.number ?? '')) : []
    if (meters.length === 0 && !account.purse) return
    const now = this.#moment(account)
    for (const meter of meters.filter(({ class: name }) => !out.counted.includes(name))) {
      begin(meter.counts, now)
      out.counted = [...out.counted, meter.class]
    }
    const running = this.#runs.begin(account, lease, { meters, meterage: this.#prices.meterage(account, lease) })
    if (running) this.#runs.grant(running)
    this.#changed(account, now)
  }

  #resume(account: Account, lease: Lease, leadMs: number): void {
    const out = lease.kind === 'trunk.out'
    if (lease.detail?.emergency || !isOfCall(lease) || (!out && !account.purse)) return
    const meters = out ? account.metersOf(this.#finder.of(lease.detail?.number ?? '')) : []
    const running = this.#runs.begin(account, lease, { meters, meterage: this.#prices.meterage(account, lease) })
    if (running) this.#runs.resume(running, lease, leadMs)
  }

  #isKept({ rules, prepaid }: Terms): boolean {
    return prepaid !== undefined || heldTo(rules, this.#classes).length > 0
  }

  #open(subscriber: Id<'sub'>, terms: Terms): Account {
    const account = new Account(subscriber, terms)
    this.#accounts.set(subscriber, account)
    return account
  }

  /** Null where nothing is limited: then nothing is counted. */
  #account(subscriber: Id<'sub'>, found: TollClass | undefined): Account | null {
    const known = this.#accounts.get(subscriber)
    if (known) return known
    const terms = this.#configured.get(subscriber) ?? NOTHING
    const { rules, prepaid } = terms
    if (!rules.limits && !prepaid && !(found && policyFor(found, rules.classes) === 'limited')) return null
    return this.#open(subscriber, terms)
  }

  /** One whose subscriber is gone, once nothing of it runs. */
  #forget(account: Account): void {
    if (this.#runs.isAnyOf(account)) return
    const { subscriber } = account
    this.#accounts.delete(subscriber)
    this.#options.record({ type: 'toll', at: this.#now(), subscriber, state: null })
  }

  /** Counts go to the journal, and what they have come near to is told. */
  #changed(account: Account, now: Moment, refused = false): void {
    const { subscriber } = account
    if (account.isCounted) this.#options.record({ type: 'toll', at: this.#now(), subscriber, state: account.state() })
    for (const { type, use } of account.notices(now)) this.#event(subscriber, type, { ...use })
    this.#tell(account, refused)
  }

  /** What has become of a balance. */
  #tell({ subscriber, purse }: Account, refused: boolean): void {
    const notice = purse?.notice(refused)
    if (purse && notice) this.#event(subscriber, `balance.${notice}`, { leftMicros: purse.leftMicros })
  }

  #event(subscriber: Id<'sub'>, type: EventType, data: Record<string, unknown>): void {
    const at = this.#now()
    const id = newId('evt', at.wall)
    this.#options.record({
      type: 'event',
      at,
      event: { id, subscriber, number: 0, at: new Date(at.wall).toISOString(), type, data },
    })
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
