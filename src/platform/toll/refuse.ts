import type { CallOut, Kind, Refusal } from '#platform/words/index.ts'
import { type Meter, metAmong } from './account.ts'
import { MICROS, type Moment } from './counts.ts'
import { brokeFor } from './grant.ts'
import type { Purse } from './purse.ts'

/** Numbers of the class may not be called. */
export function overClass(name: string): Refusal {
  return refusal({ limitedBy: 'class', limit: 0, inUse: 0, class: name })
}

/** The limit that another call out would meet, whose first increment costs `micros`; null where none. */
export function overLimit(
  meters: readonly Meter[],
  { micros, now, out }: { micros: number; now: Moment; out: CallOut | undefined },
): Refusal | null {
  const met = metAmong(meters, now, out)
  if (met) return refusal({ limitedBy: 'velocity', limit: met.limit, inUse: met.used, rule: met.rule, class: met.class })
  const broke = brokeFor(meters, micros, now)
  return broke && refusal({ limitedBy: 'spend', limit: broke.limit, inUse: broke.used, rule: broke.rule, class: broke.class })
}

/** Where what costs `micros` cannot be paid beside `others`, which are asked for at the same time. */
export function overBalance(
  { leftMicros, reservedMicros }: Purse,
  kind: Kind,
  { micros, others }: { micros: number; others: number },
): Refusal | null {
  if (micros <= 0 || micros + others <= leftMicros) return null
  const all = (leftMicros + reservedMicros) / MICROS
  return { ...refusal({ limitedBy: 'balance', limit: all, inUse: reservedMicros / MICROS }), kind }
}

function refusal(what: Pick<Refusal, 'limitedBy' | 'limit' | 'inUse' | 'class' | 'rule'>): Refusal {
  const { class: name, inUse, ...rest } = what
  return {
    ...{ kind: 'trunk.out', requested: 1, holders: [], fault: 'subscriber' },
    ...{ ...rest, inUse: Math.round(inUse * 100) / 100 },
    ...(name ? { class: name } : {}),
  }
}
