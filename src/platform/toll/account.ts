import type { Id } from '#lib/index.ts'
import type { CallOut, TollClass, TollLimits, TollRule, TollRules, TollUse } from '#platform/words/index.ts'
import { policyFor } from './classes.ts'
import { type Counts, type Moment, metBy, monthOf, noCounts, usedOf } from './counts.ts'

/** What the journal keeps of an account. What running calls have been granted is not in it. */
export interface AccountState {
  /** By class; `` is all calls. */
  counts: Record<string, Counts>
  /** Units that a month has seen of a rate, by its prefix, where they change the price of the next one. */
  month: string
  units: Record<string, number>
}

/** Limits, and what counts towards them. */
export interface Meter {
  /** `` for all calls. */
  class: string
  limits: TollLimits
  counts: Counts
  /** Of the counted ms, those that are granted to running calls. */
  heldMs: number
  /** Of what was spent, that which running calls have paid ahead; and by lease. */
  heldMicros: number
  paid: Map<Id<'lse'>, number>
  /** What has been told of each rule, so that it is told once. */
  told: Map<TollRule, 'near' | 'met'>
}

/** A rule that comes near its limit or meets it. */
export interface Notice {
  type: 'toll.near' | 'toll.met'
  use: Omit<TollUse, 'subscriber'>
}

/** What an account is kept by. */
export interface Terms {
  rules: TollRules
  /** IANA name. */
  timeZone: string
  /** By which its calls out are priced. */
  plan: string
}

/** Told at the first, at the second again, and forgotten below the third. */
const NEAR = 0.8
const FORGOTTEN = 0.7

/** The limits of one subscriber's calls out. */
export class Account {
  readonly subscriber: Id<'sub'>
  rules: TollRules
  timeZone: string
  plan: string
  readonly #meters = new Map<string, Meter>()
  #month = ''
  #units = new Map<string, number>()
  readonly #held = new Map<string, number>()

  constructor(subscriber: Id<'sub'>, { rules, timeZone, plan }: Terms) {
    this.subscriber = subscriber
    this.rules = rules
    this.timeZone = timeZone
    this.plan = plan
  }

  /** Other limits from now on; what has been counted stays. */
  change(terms: Terms, classes: readonly TollClass[]): void {
    Object.assign(this, terms)
    for (const meter of this.#meters.values()) {
      const found = classes.find(({ name }) => name === meter.class)
      meter.limits = (meter.class === '' ? this.rules.limits : this.#limitsOf(found)) ?? {}
    }
  }

  /** Takes up what was counted before; what of it was told is not told again. */
  restore(state: AccountState, classes: readonly TollClass[], now: Moment): void {
    for (const [name, counts] of Object.entries(state.counts)) Object.assign(this.#meter(name, {}), { counts })
    this.#month = state.month
    this.#units = new Map(Object.entries(state.units))
    this.change(this, classes)
    this.notices(now)
  }

  /** What a call to a number of this class counts towards. */
  metersOf(found: TollClass | undefined): Meter[] {
    const meters = this.rules.limits ? [this.#meter('', this.rules.limits)] : []
    const limits = this.#limitsOf(found)
    if (found && limits) meters.push(this.#meter(found.name, limits))
    return meters
  }

  /** Those of its rules that have come near their limits, or met them, since it was asked last. */
  notices(now: Moment): Notice[] {
    const notices: Notice[] = []
    for (const use of this.uses(now)) {
      const { told } = this.#meters.get(use.class ?? '')!
      const known = told.get(use.rule)
      const share = use.used / use.limit
      const is = share >= 1 ? 'met' : share >= NEAR ? 'near' : null
      if (share < FORGOTTEN) told.delete(use.rule)
      if (is === null || known === is || known === 'met') continue
      told.set(use.rule, is)
      notices.push({ type: `toll.${is}`, use })
    }
    return notices
  }

  /** How far its limits are used up. */
  uses(now: Moment): Omit<TollUse, 'subscriber'>[] {
    return [...this.#meters.values()].flatMap(({ class: name, limits, counts }) =>
      (Object.entries(limits) as [TollRule, number | string][]).map(([rule, limit]) => ({
        ...(name ? { class: name } : {}),
        ...{ rule, limit: Number(limit), used: Math.round(usedOf(counts, rule, now) * 100) / 100 },
      })),
    )
  }

  state(): AccountState {
    const counts = [...this.#meters].map(([name, meter]) => [name, settled(meter)])
    const units = [...this.#units].map(([prefix, seen]) => [prefix, Math.max(0, seen - (this.#held.get(prefix) ?? 0))])
    return { counts: Object.fromEntries(counts), month: this.#month, units: Object.fromEntries(units) }
  }

  /** Units of a rate that the month has seen, those of calls that run as far as they are granted. */
  unitsOf(prefix: string, now: Moment): number {
    return this.#month === monthOf(now) ? (this.#units.get(prefix) ?? 0) : 0
  }

  /** More units of a call that runs. */
  addUnits(prefix: string, units: number, now: Moment): void {
    const seen = Math.max(0, this.unitsOf(prefix, now) + units)
    if (this.#month !== monthOf(now)) this.#units.clear()
    this.#month = monthOf(now)
    this.#units.set(prefix, seen)
    this.holdUnits(prefix, units)
  }

  /** Of the units seen, so many more are those of calls that run. */
  holdUnits(prefix: string, units: number): void {
    this.#held.set(prefix, (this.#held.get(prefix) ?? 0) + units)
  }

  #limitsOf(found: TollClass | undefined): TollLimits | undefined {
    const { classes, classLimits } = this.rules
    if (!found || policyFor(found, classes) !== 'limited') return undefined
    return classLimits?.[found.name] ?? found.limits ?? {}
  }

  #meter(name: string, limits: TollLimits): Meter {
    let meter = this.#meters.get(name)
    if (!meter) {
      meter = { class: name, limits, counts: noCounts(), heldMs: 0, heldMicros: 0, paid: new Map(), told: new Map() }
      this.#meters.set(name, meter)
    }
    meter.limits = limits
    return meter
  }
}

/** Without what running calls have been granted. */
function settled({ counts, heldMs, heldMicros }: Meter): Counts {
  const { spent } = counts
  const without = (micros: number) => Math.max(0, micros - heldMicros)
  return {
    ...counts,
    ms: Math.max(0, counts.ms - heldMs),
    ...(spent ? { spent: { ...spent, dayMicros: without(spent.dayMicros), monthMicros: without(spent.monthMicros) } } : {}),
  }
}

/** The first rule of these that is met; calls are no matter where this one has been counted already. */
export function metAmong(meters: readonly Meter[], now: Moment, out: CallOut | undefined) {
  for (const meter of meters) {
    const { minutesPerDay } = meter.limits
    const limits = out?.counted.has(meter.class) ? (minutesPerDay === undefined ? {} : { minutesPerDay }) : meter.limits
    const met = metBy(meter.counts, limits, now)
    if (met) return { ...met, class: meter.class }
  }
  return null
}
