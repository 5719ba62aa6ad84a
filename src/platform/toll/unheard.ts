import { durationMs } from '#platform/words/index.ts'
import type { Account, Meter, Terms } from './account.ts'
import { addSpent, type Moment } from './counts.ts'
import type { Released } from './options.ts'
import type { Prices } from './price.ts'
import type { Purse } from './purse.ts'

/** An account that begins to count: what of its meters is new, and by which word of control. */
export interface Opened {
  account: Account
  fresh: ReadonlySet<Meter>
  purse: Purse | null
  terms: Terms
}

/** How far in the journal control had heard of what counts; nothing where none of it does. */
export function heardTo({ fresh, terms: { spent, prepaid } }: Opened): number[] {
  return [...(fresh.size > 0 && spent ? [spent.position] : []), ...(prepaid ? [prepaid.position] : [])]
}

/** What was released behind that counts: towards a balance, and towards those limits that are new. `meters`: those of a call out. */
export function countUnheard(
  { account, fresh, purse, terms: { spent, prepaid } }: Opened,
  { position, lease }: Released,
  { prices, meters, now }: { prices: Prices; meters(number: string): readonly Meter[]; now: Moment },
): void {
  if (lease.detail?.emergency || !lease.answered || !lease.released) return
  const micros = prices.meterage(account, lease)?.end(durationMs(lease.answered, lease.released), now) ?? 0
  if (prepaid && position > prepaid.position) purse?.charge(micros, position, lease.answered)
  if (!spent || position <= spent.position || lease.kind !== 'trunk.out') return
  for (const meter of meters(lease.detail?.number ?? '')) if (fresh.has(meter)) addSpent(meter.counts, now, micros)
}
