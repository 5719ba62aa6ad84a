import { isDeepStrictEqual } from 'node:util'
import { TielineError } from '#lib/index.ts'
import { KINDS, type Kind, type Rate } from '#platform/words/index.ts'
import { parseMicros } from './money.ts'

/**
 * What a subscriber pays by. What a plan says never changes: a new price is a new plan under a new name. A kind of which it says
 * nothing yet, because the platform did not lease it when the plan was made, is added to it; until then its usage waits unrated.
 */
export interface Plan {
  /** Lower case, unique: `standard`. */
  name: string
  title: string
  /** ISO 4217. */
  currency: string
  /**
   * What is used is paid from a balance, to which money was paid in before. Each thing has one price then, whatever the month has seen, and
   * there is nothing but usage: no included units, no tiers, no recurring fees. Taxes are due where money is paid in.
   */
  prepaid?: boolean
  rates: Rate[]
  /** Kinds that cost nothing. Where a new plan doesn't say, all that there are and that it has no rate for. */
  free?: Kind[]
  recurring: RecurringFee[]
  taxes: Tax[]
}

/** A fee for each month, prorated by days of the subscriber's calendar. */
export interface RecurringFee {
  title: string
  amount: string
}

/** `percent` is a decimal: `21` or `5.5`. */
export interface Tax {
  title: string
  percent: string
}

/** Reads a plan that came from outside. @throws TielineError `invalid-plan` that names what is wrong. */
export function checkPlan(plan: Plan): Plan {
  const wrong = (why: string) =>
    new TielineError(
      `the plan cannot be used: ${why}`,
      { code: 'invalid-plan', fault: 'caller', retry: false, http: 422 },
      { plan: plan.name },
    )
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(plan.name)) throw wrong('its name may have a-z, 0-9 and -')
  if (!/^[A-Z]{3}$/.test(plan.currency)) throw wrong('its currency is an ISO 4217 code')
  for (const fee of plan.recurring) notNegative(fee.amount, fee.title)
  for (const tax of plan.taxes) notNegative(tax.percent, tax.title)
  if (plan.prepaid && plan.recurring.length + plan.taxes.length > 0)
    throw wrong('where usage is paid in advance there are neither recurring fees nor taxes')
  const keys = new Set<string>()
  for (const rate of plan.rates) {
    checkRate(rate, wrong)
    const key = rateKey(rate)
    if (keys.has(key)) throw wrong(`two rates are for ${key}`)
    keys.add(key)
    if (plan.prepaid && (rate.included > 0 || rate.tiers.length > 1))
      throw wrong(`what is paid in advance has one price: ${key} has included units or tiers`)
  }
  for (const { kind } of plan.rates) {
    if (!keys.has(kind)) throw wrong(`${kind} has prefixes but no rate for all other numbers`)
  }
  for (const kind of plan.free ?? []) if (keys.has(kind)) throw wrong(`${kind} has a rate and is free`)
  return plan

  function notNegative(amount: string, what: string): void {
    if (parseMicros(amount) < 0n) throw wrong(`${what} is negative`)
  }
}

/** The plan as it is kept: what is free is said. */
export function complete(plan: Plan): Plan {
  return plan.free ? plan : { ...plan, free: missing({ ...plan, free: [] }) }
}

/** Whether the plan says what the kind costs. */
export function isPriced({ rates, free = [] }: Plan, kind: Kind): boolean {
  return free.includes(kind) || rates.some((rate) => rate.kind === kind)
}

/** The kinds of the platform that a kept plan says nothing of: their usage waits. */
export function missing(plan: Plan): Kind[] {
  return KINDS.flatMap(({ kind }) => (isPriced(plan, kind) ? [] : [kind]))
}

/** Whether a kept plan says all that this one does, and nothing else of it: it may have been added to since. */
export function holds(kept: Plan, { rates, free = [], ...rest }: Plan): boolean {
  const { rates: keptRates, free: keptFree = [], ...keptRest } = kept
  return (
    isDeepStrictEqual(keptRest, rest) &&
    rates.every((rate) => keptRates.some((known) => isDeepStrictEqual(known, rate))) &&
    free.every((kind) => keptFree.includes(kind))
  )
}

/** What is added to a plan: prices for kinds of which it says nothing. */
export interface Addition {
  rates: Rate[]
  free: Kind[]
}

/**
 * The plan with the addition. What it says already may be said again, and nothing else of a kind that it has a price for.
 * @throws TielineError `plan-priced`, `invalid-plan`
 */
export function added(plan: Plan, { rates, free }: Addition): Plan {
  const known = (rate: Rate) => plan.rates.some((one) => isDeepStrictEqual(one, rate))
  const newRates = rates.filter((rate) => !known(rate))
  const newFree = free.filter((kind) => !plan.free?.includes(kind))
  const priced = [...newRates.map(({ kind }) => kind), ...newFree].find((kind) => isPriced(plan, kind))
  if (priced !== undefined)
    throw new TielineError(
      `the plan says what ${priced} costs, and that never changes: another price is another plan`,
      { code: 'plan-priced', fault: 'caller', retry: false, http: 409 },
      { plan: plan.name, kind: priced },
    )
  return checkPlan({ ...plan, rates: [...plan.rates, ...newRates], free: [...(plan.free ?? []), ...newFree] })
}

function checkRate(rate: Rate, wrong: (why: string) => Error): void {
  const key = rateKey(rate)
  const whole = (n: number, least: number) => Number.isSafeInteger(n) && n >= least
  if (!/^(\+\d{1,15})?$/.test(rate.prefix)) throw wrong(`the prefix of ${key} is not the beginning of an E.164 number`)
  if (!whole(rate.increments.first, 1) || !whole(rate.increments.next, 1))
    throw wrong(`the increments of ${key} are whole seconds from 1`)
  if (!whole(rate.per, 1) || !whole(rate.included, 0)) throw wrong(`the units of ${key} are whole numbers`)
  if (parseMicros(rate.setUpFee) < 0n) throw wrong(`the set-up fee of ${key} is negative`)
  if (rate.unit === 'mebibyte-hour' && parseMicros(rate.setUpFee) > 0n)
    throw wrong(`${key} has a set-up fee: what is held for months has a lease for each day, and none of them is set up`)
  if (rate.tiers.at(-1)?.upTo !== null) throw wrong(`the last tier of ${key} has to be open`)
  let below = 0
  for (const [i, tier] of rate.tiers.entries()) {
    if (parseMicros(tier.price) < 0n) throw wrong(`a price of ${key} is negative`)
    if (i === rate.tiers.length - 1) return
    if (tier.upTo === null || !whole(tier.upTo, below + 1)) throw wrong(`the tiers of ${key} have to rise`)
    below = tier.upTo
  }
}

/** Names a rate within its plan: `voice.relay`, `trunk.out +32`. */
export function rateKey(rate: Pick<Rate, 'kind' | 'prefix'>): string {
  return rate.prefix ? `${rate.kind} ${rate.prefix}` : rate.kind
}

/** The rate for a kind and, where it matters, a number: the longest prefix that fits. */
export function rateFor(plan: Plan, kind: Kind, number: string | undefined): Rate | undefined {
  let best: Rate | undefined
  for (const rate of plan.rates) {
    if (rate.kind !== kind || !(number ?? '').startsWith(rate.prefix)) continue
    if (!best || rate.prefix.length > best.prefix.length) best = rate
  }
  return best
}
