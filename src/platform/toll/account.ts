import type { Id } from '#lib/index.ts'
import type { CallOut, Prepaid, TollClass, TollLimits, TollRule, TollRules, TollSpent, TollUse } from '#platform/words/index.ts'
import { policyFor } from './classes.ts'
import { type Counts, limitsMoney, type Moment, metBy, monthOf, noCounts, usedOf } from './counts.ts'
import { Purse } from './purse.ts'

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
  /** What had been spent when money was limited. */
  spent?: TollSpent | undefined
  prepaid?: Prepaid | undefined
}

/** Told at the first, at the second again, and forgotten below the third. */
const NEAR = 0.8
const FORGOTTEN = 0.7

/** The limits of one subscriber's calls out. */
export class Account {
  readonly subscriber: Id<'sub'>
  /** Null where it does not pay in advance. */
  purse: Purse | null = null
  rules: TollRules
  timeZone: string
  plan: string
  readonly #meters = new Map<string, Meter>()
  #month = ''
  #units = new Map<string, number>()
  readonly #held = new Map<string, number>()

  constructor(subscriber: Id<'sub'>, { rules, timeZone, plan, prepaid }: Terms) {
    this.subscriber = subscriber
    this.rules = rules
    this.timeZone = timeZone
    this.plan = plan
    if (prepaid) this.purse = new Purse(prepaid)
  }

  /** Whether there is anything in its state that is not in its terms. */
  get isCounted(): boolean {
    return this.#meters.size > 0
  }

  /** Other limits from now on; what has been counted stays. */
  change({ rules, timeZone, plan }: Terms, classes: readonly TollClass[]): void {
    Object.assign(this, { rules, timeZone, plan })
    for (const meter of this.#meters.values()) {
      const found = classes.find(({ name }) => name === meter.class)
      meter.limits = (meter.class === '' ? this.rules.limits : this.#limitsOf(found)) ?? {}
      if (!limitsMoney(meter.limits)) delete meter.counts.spent
    }
  }

  /** Where money is limited that was not, what has been spent before counts. Answers what it counts by anew. */
  begin(classes: readonly TollClass[], spent: TollSpent | undefined, now: Moment): Set<Meter> {
    const meters = [undefined, ...classes].flatMap((one) => this.metersOf(one))
    const fresh = new Set(meters.filter(({ limits, counts }) => limitsMoney(limits) && !counts.spent))
    const month = monthOf(now)
    const known = spent?.month === month ? spent : undefined
    if (known && fresh.size > 0 && this.#month !== month) {
      this.#month = month
      this.#units = new Map(Object.entries(known.units))
    }
    for (const { class: name, counts } of fresh) {
      const { dayMicros = 0, monthMicros = 0 } = known?.classes[name] ?? {}
      counts.spent = { day: now.day, dayMicros: known?.day === now.day ? dayMicros : 0, month, monthMicros }
    }
    return fresh
  }

  /** It pays in advance from now on, or no more. */
  pays(prepaid: Prepaid | undefined): void {
    this.purse = prepaid ? new Purse(prepaid, this.purse) : null
  }

  /** Takes back what calls that run have been granted: all of them are granted anew. */
  takeBack(): void {
    const { units } = this.state()
    for (const meter of this.#meters.values()) {
      meter.counts = settled(meter)
      Object.assign(meter, { heldMs: 0, heldMicros: 0, paid: new Map() })
    }
    this.purse?.takeBack()
    this.#units = new Map(Object.entries(units))
    this.#held.clear()
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
    return found && limitsOf(this.rules, found)
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

/** What of a class is limited; undefined where it is not. */
function limitsOf({ classes, classLimits }: TollRules, found: TollClass): TollLimits | undefined {
  if (policyFor(found, classes) !== 'limited') return undefined
  return classLimits?.[found.name] ?? found.limits ?? {}
}

/** What running calls are held to by these rules: minutes and money, of all calls (``) and of classes. */
export function heldTo(rules: TollRules, classes: readonly TollClass[]): string[] {
  const ofClasses = classes.map((one): [string, TollLimits | undefined] => [one.name, limitsOf(rules, one)])
  return [['', rules.limits] as [string, TollLimits | undefined], ...ofClasses].flatMap(([name, limits = {}]) => [
    ...(limits.minutesPerDay === undefined ? [] : [`${name} minutes`]),
    ...(limitsMoney(limits) ? [`${name} money`] : []),
  ])
}

/** Whether money is limited by these rules, of whatever class. */
export function isMoneyLimited(rules: TollRules, classes: readonly TollClass[]): boolean {
  return heldTo(rules, classes).some((rule) => rule.endsWith(' money'))
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
    const limits = out?.counted.includes(meter.class) ? (minutesPerDay === undefined ? {} : { minutesPerDay }) : meter.limits
    const met = metBy(meter.counts, limits, now)
    if (met) return { ...met, class: meter.class }
  }
  return null
}
