import type { Id } from '#lib/index.ts'
import {
  type Account,
  inOrder,
  localDate,
  type Meters,
  type Plan,
  periodAt,
  planAt,
  rate,
  rateKey,
} from '#platform/billing/index.ts'
import { classFinder, isMoneyLimited } from '#platform/toll/index.ts'
import type { TollClass, TollRules, TollSpent, UsageRecord } from '#platform/words/index.ts'
import type { InstallDeps } from './deps.ts'

/** What a subscriber's calls out of this month are rated by and from, all of one moment. */
export interface Spending {
  now: Date
  /** What was released behind it in the journal is not in `usage`. */
  position: number
  account: Account
  /** Calls out that were released in the month, in whatever order. */
  usage: readonly UsageRecord[]
  plans: ReadonlyMap<string, Plan>
}

/** What a subscriber has spent, where these rules limit money; null where they don't. */
export async function spentBy(
  deps: Pick<InstallDeps, 'spending'>,
  id: Id<'sub'>,
  rules: TollRules,
  classes: readonly TollClass[],
): Promise<TollSpent | null> {
  return isMoneyLimited(rules, classes) ? spentOf(await deps.spending(id), classes) : null
}

/** What calls out of the day and the month have cost, as they are billed. */
export function spentOf({ now, position, account, usage, plans }: Spending, classes: readonly TollClass[]): TollSpent {
  const { timeZone } = account
  const finder = classFinder(classes)
  const day = localDate(now, timeZone)
  const spent: TollSpent = { position, day, month: periodAt(now, timeZone).name, classes: {}, units: {} }
  let meters: Meters = {}
  for (const one of [...usage].sort(inOrder)) {
    const plan = plans.get(planAt(account, new Date(one.answeredAt ?? one.takenAt)))
    const rated = plan && rate(one, plan, meters)
    if (!rated) continue
    meters = rated.meters
    const micros = Number(rated.rating.amount)
    const found = finder.of(one.detail.number ?? '')
    for (const name of ['', ...(found ? [found.name] : [])]) {
      spent.classes[name] ??= { dayMicros: 0, monthMicros: 0 }
      spent.classes[name].monthMicros += micros
      if (localDate(new Date(one.releasedAt), timeZone) === day) spent.classes[name].dayMicros += micros
    }
  }
  const plan = plans.get(planAt(account, now))
  for (const known of plan?.rates.filter(({ kind }) => kind === 'trunk.out') ?? []) {
    const units = meters[`${plan?.name} ${rateKey(known)}`]
    if (units) spent.units[known.prefix] = units
  }
  return spent
}
