import type { Demand, Rate, Tariff } from '#platform/words/index.ts'
import type { Account } from './account.ts'
import { PrefixFinder } from './classes.ts'
import { LEAST_MS, type Moment } from './counts.ts'

/** How billing prices usage; amounts are millionths of the plan's currency. */
export interface Pricing {
  units(rate: Rate, ms: number): number
  /** Of `units` when the month has seen `before` of the rate. */
  price(rate: Rate, before: number, units: number): bigint
  micros(amount: string): bigint
}

/** What leases cost by the plans that are published. */
export class Prices {
  readonly #pricing: Pricing
  #published: readonly Tariff[] = []
  /** By plan and kind. */
  #finders = new Map<string, PrefixFinder<Rate>>()

  constructor(pricing: Pricing) {
    this.#pricing = pricing
  }

  /** A publication has what has not changed as it was. */
  publish(tariffs: readonly Tariff[]): void {
    if (tariffs === this.#published) return
    this.#published = tariffs
    this.#finders = new Map()
    for (const { plan, rates } of tariffs)
      for (const [kind, ofKind] of Map.groupBy(rates, (rate) => rate.kind))
        this.#finders.set(`${plan} ${kind}`, new PrefixFinder(ofKind.map((rate): [string, Rate] => [rate.prefix, rate])))
  }

  /** Null where it costs nothing. */
  meterage(account: Account, { kind, count, detail }: Pick<Demand, 'kind' | 'count' | 'detail'>): Meterage | null {
    const rate = this.#finders.get(`${account.plan} ${kind}`)?.of(detail?.number ?? '')
    return rate ? new Meterage(account, rate, this.#pricing, count) : null
  }

  /** Millionths of the first increment. */
  firstCost(account: Account, demand: Demand, now: Moment): number {
    return this.meterage(account, demand)?.costTo(LEAST_MS, now) ?? 0
  }
}

/**
 * What one lease costs as it goes on, taken from the same integers as its bill. Units that are free of charge, or cheaper after so
 * many, are counted over all calls of the month.
 */
export class Meterage {
  readonly #account: Account
  readonly #rate: Rate
  readonly #pricing: Pricing
  readonly #count: number
  #units = 0
  #begun = false

  constructor(account: Account, rate: Rate, pricing: Pricing, count = 1) {
    this.#count = count
    this.#account = account
    this.#rate = rate
    this.#pricing = pricing
  }

  /** Millionths that are to be paid for it to last `ms`, beyond what was paid. */
  costTo(ms: number, now: Moment): number {
    return this.#cost(this.#unitsOf(ms), now) + (this.#begun ? 0 : this.#setUp)
  }

  /** The last ms before `ms` that another increment is not begun for. */
  stepBefore(ms: number): number {
    const { first, next } = this.#rate.increments
    const units = this.#pricing.units(this.#rate, ms)
    return this.#rate.unit === 'second' && units > first ? (units - next) * 1000 : 0
  }

  /** It is paid up to `ms`; what it comes to. */
  payTo(ms: number, now: Moment): number {
    const cost = this.costTo(ms, now)
    this.#move(this.#unitsOf(ms), now)
    this.#begun = true
    return cost
  }

  /** It is over after `ms`, 0 where it was never answered; what is still owed for it, or is given back. */
  end(ms: number, now: Moment): number {
    const units = this.#unitsOf(ms)
    const cost = this.#cost(units, now) + (ms > 0 && !this.#begun ? this.#setUp : 0) - (ms <= 0 && this.#begun ? this.#setUp : 0)
    this.#move(units, now)
    if (this.#counted) this.#account.holdUnits(this.#rate.prefix, -this.#units)
    return cost
  }

  /** Whether what was charged before changes what is charged next. */
  get #counted(): boolean {
    return this.#rate.included > 0 || this.#rate.tiers.length > 1
  }

  get #setUp(): number {
    return Number(this.#pricing.micros(this.#rate.setUpFee)) * this.#count
  }

  #unitsOf(ms: number): number {
    return this.#pricing.units(this.#rate, ms) * this.#count
  }

  #cost(units: number, now: Moment): number {
    const price = (before: number, some: number) => Number(this.#pricing.price(this.#rate, before, some))
    // Rounded once, as the bill does, whatever steps it comes in.
    if (!this.#counted) return price(0, units) - price(0, this.#units)
    const seen = this.#account.unitsOf(this.#rate.prefix, now)
    const more = units - this.#units
    return more >= 0 ? price(seen, more) : -price(Math.max(0, seen + more), -more)
  }

  #move(units: number, now: Moment): void {
    if (this.#counted) this.#account.addUnits(this.#rate.prefix, units - this.#units, now)
    this.#units = units
  }
}
