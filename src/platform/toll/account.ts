import type { Id } from '#lib/index.ts'
import type { TollClass, TollLimits, TollRule, TollRules, TollUse } from '#platform/words/index.ts'
import { policyFor } from './classes.ts'
import { type Counts, type Moment, metBy, noCounts, usedOf } from './counts.ts'

/** What the journal keeps of an account, by class; `` is all calls. What running calls have been granted is not in it. */
export type AccountState = Record<string, Counts>

/** Limits, and what counts towards them. */
export interface Meter {
  /** `` for all calls. */
  class: string
  limits: TollLimits
  counts: Counts
  /** Of the counted ms, those that are granted to running calls. */
  heldMs: number
  /** What has been told of each rule, so that it is told once. */
  told: Map<TollRule, 'near' | 'met'>
}

/** A rule that comes near its limit or meets it. */
export interface Notice {
  type: 'toll.near' | 'toll.met'
  use: Omit<TollUse, 'subscriber'>
}

/** Told at the first, at the second again, and forgotten below the third. */
const NEAR = 0.8
const FORGOTTEN = 0.7

/** The limits of one subscriber's calls out. */
export class Account {
  readonly subscriber: Id<'sub'>
  rules: TollRules
  timeZone: string
  readonly #meters = new Map<string, Meter>()

  constructor(subscriber: Id<'sub'>, rules: TollRules, timeZone: string) {
    this.subscriber = subscriber
    this.rules = rules
    this.timeZone = timeZone
  }

  /** Other limits from now on; what has been counted stays. */
  change(rules: TollRules, timeZone: string, classes: readonly TollClass[]): void {
    this.rules = rules
    this.timeZone = timeZone
    for (const meter of this.#meters.values()) {
      const found = classes.find(({ name }) => name === meter.class)
      meter.limits = (meter.class === '' ? rules.limits : this.#limitsOf(found)) ?? {}
    }
  }

  /** Takes up what was counted before; what of it was told is not told again. */
  restore(state: AccountState, classes: readonly TollClass[], now: Moment): void {
    for (const [name, counts] of Object.entries(state)) Object.assign(this.#meter(name, {}), { counts })
    this.change(this.rules, this.timeZone, classes)
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
      (Object.entries(limits) as [TollRule, number][]).map(([rule, limit]) => ({
        ...(name ? { class: name } : {}),
        ...{ rule, limit, used: Math.round(usedOf(counts, rule, now) * 100) / 100 },
      })),
    )
  }

  state(): AccountState {
    const kept = ({ counts, heldMs }: Meter): Counts => ({ ...counts, ms: Math.max(0, counts.ms - heldMs) })
    return Object.fromEntries([...this.#meters].map(([name, meter]) => [name, kept(meter)]))
  }

  #limitsOf(found: TollClass | undefined): TollLimits | undefined {
    const { classes, classLimits } = this.rules
    if (!found || policyFor(found, classes) !== 'limited') return undefined
    return classLimits?.[found.name] ?? found.limits ?? {}
  }

  #meter(name: string, limits: TollLimits): Meter {
    let meter = this.#meters.get(name)
    if (!meter) {
      meter = { class: name, limits, counts: noCounts(), heldMs: 0, told: new Map() }
      this.#meters.set(name, meter)
    }
    meter.limits = limits
    return meter
  }
}

/** The first rule of these that is met. */
export function metAmong(meters: readonly Meter[], now: Moment) {
  for (const meter of meters) {
    const met = metBy(meter.counts, meter.limits, now)
    if (met) return { ...met, class: meter.class }
  }
  return null
}
