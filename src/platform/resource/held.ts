import type { Id } from '#lib/index.ts'
import type { Kind, Lease, LeaseView } from '#platform/words/index.ts'

export interface HeldQuery {
  subscriber: Id<'sub'>
  kind?: Kind
  after?: Id<'lse'>
  limit: number
}

/** A page of what a subscriber holds, in the order in which it was taken. */
export function heldBy(leases: Iterable<Lease>, { subscriber, kind, after = 'lse_', limit }: HeldQuery) {
  const found: Lease[] = []
  for (const lease of leases)
    if (lease.subscriber === subscriber && (kind === undefined || lease.kind === kind) && lease.id > after) found.push(lease)
  found.sort((a, b) => (a.id < b.id ? -1 : 1))
  const items = found.slice(0, limit).map(viewOf)
  const last = items.at(-1)
  return found.length > limit && last ? { items, next: last.lease } : { items }
}

function viewOf({ id, kind, count, call, agent, leg, taken, answered }: Lease): LeaseView {
  return {
    ...{ lease: id, kind, count },
    ...(call ? { call } : {}),
    ...(agent ? { agent } : {}),
    ...(leg ? { leg } : {}),
    takenAt: new Date(taken.wall).toISOString(),
    answeredAt: answered ? new Date(answered.wall).toISOString() : null,
  }
}
