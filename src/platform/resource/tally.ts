import type { Id } from '#lib/index.ts'
import type { Holder, Kind, Lease, Refusal } from '#platform/words/index.ts'
import type { Standing } from './admission.ts'
import type { ResourceConfiguration } from './registry.ts'
import type { ResourceUse } from './use.ts'

/** One subscriber's part of a kind, and who holds it, longest first. */
interface Share {
  guaranteed: number
  ceiling: number
  inUse: number
  holders: Map<Holder, number>
}

interface Pool {
  capacity: number
  inUse: number
  committed: number
  shares: Map<Id<'sub'>, Share>
  /** Where the kind has a limit per trunk, or is held on one. */
  trunks: Map<Id<'trk'>, Channels>
}

interface Channels {
  limit: number
  reserve: number
  all: number
  emergency: number
  holders: Map<Holder, { subscriber: Id<'sub'>; count: number }>
}

/** Where a demand is counted: found once, at admission, and kept for its lease. */
export interface Place {
  readonly subscriber: Id<'sub'>
  readonly pool: Pool
  readonly share: Share
  readonly channels: Channels | null
  lease: Lease | null
}

/** A lease, where it is counted. */
export interface Held extends Place {
  lease: Lease
}

const UNLIMITED = Number.POSITIVE_INFINITY

/** The counts that admission decides by, kept as leases come and go: a step costs the same whatever is in use. */
export class Tally {
  readonly #pools = new Map<Kind, Pool>()

  configure(configuration: ResourceConfiguration): void {
    for (const pool of this.#pools.values()) {
      pool.capacity = 0
      for (const share of pool.shares.values()) Object.assign(share, { guaranteed: 0, ceiling: 0 })
      for (const channels of pool.trunks.values()) Object.assign(channels, { limit: UNLIMITED, reserve: 0 })
    }
    for (const { kind, capacity } of configuration.capacities) this.#pool(kind).capacity = capacity
    for (const { id, allocations } of configuration.subscribers) {
      for (const { kind, guaranteed, ceiling } of allocations) {
        Object.assign(shareOf(this.#pool(kind), id), { guaranteed, ceiling })
      }
    }
    for (const { id, maxIn, maxOut, emergencyReserve } of configuration.trunks) {
      if (maxIn !== undefined) channelsOf(this.#pool('trunk.in'), id).limit = maxIn
      if (maxOut !== undefined)
        Object.assign(channelsOf(this.#pool('trunk.out'), id), { limit: maxOut, reserve: emergencyReserve })
    }
    for (const [kind, pool] of this.#pools) if (settle(pool)) this.#pools.delete(kind)
  }

  /** Where a demand of this kind is counted. Good until the next {@link configure}. */
  place(subscriber: Id<'sub'>, kind: Kind, trunk: Id<'trk'> | undefined): Place {
    const pool = this.#pool(kind)
    return { subscriber, pool, share: shareOf(pool, subscriber), channels: trunk ? channelsOf(pool, trunk) : null, lease: null }
  }

  /** What is in use of one kind by one subscriber. */
  inUseOf(subscriber: Id<'sub'>, kind: Kind): number {
    return this.#pools.get(kind)?.shares.get(subscriber)?.inUse ?? 0
  }

  use(only?: Id<'sub'>): ResourceUse[] {
    return [...this.#pools].map(([kind, pool]) => ({
      kind,
      capacity: pool.capacity,
      inUse: pool.inUse,
      bySubscriber: [...pool.shares]
        .filter(([id]) => only === undefined || id === only)
        .map(([subscriber, { inUse, guaranteed, ceiling }]) => ({ subscriber, inUse, guaranteed, ceiling })),
    }))
  }

  #pool(kind: Kind): Pool {
    const found = this.#pools.get(kind)
    if (found) return found
    const pool: Pool = { capacity: 0, inUse: 0, committed: 0, shares: new Map(), trunks: new Map() }
    this.#pools.set(kind, pool)
    return pool
  }
}

function shareOf(pool: Pool, subscriber: Id<'sub'>): Share {
  const found = pool.shares.get(subscriber)
  if (found) return found
  const share: Share = { guaranteed: 0, ceiling: 0, inUse: 0, holders: new Map() }
  pool.shares.set(subscriber, share)
  return share
}

function channelsOf(pool: Pool, trunk: Id<'trk'>): Channels {
  const found = pool.trunks.get(trunk)
  if (found) return found
  const channels: Channels = { limit: UNLIMITED, reserve: 0, all: 0, emergency: 0, holders: new Map() }
  pool.trunks.set(trunk, channels)
  return channels
}

/** Forgets what has neither right nor use, and counts anew what is set aside. Says whether the pool itself is empty. */
function settle(pool: Pool): boolean {
  pool.committed = 0
  for (const [id, share] of pool.shares) {
    if (share.inUse === 0 && share.ceiling === 0) pool.shares.delete(id)
    else pool.committed += Math.max(share.guaranteed, share.inUse)
  }
  for (const [id, channels] of pool.trunks) if (channels.all === 0 && channels.limit === UNLIMITED) pool.trunks.delete(id)
  return pool.capacity === 0 && pool.shares.size === 0 && pool.trunks.size === 0
}

/** How things stand for a demand that is counted there. */
export function standing({ pool, share, channels }: Place): Standing {
  return {
    guaranteed: share.guaranteed,
    ceiling: share.ceiling,
    mine: share.inUse,
    capacity: pool.capacity,
    all: pool.inUse,
    committed: pool.committed,
    trunk: channels === null || channels.limit === UNLIMITED ? null : channels,
  }
}

/** Counts `n` in, or out where it is negative. */
export function count({ subscriber, pool, share, channels }: Place, holder: Holder, n: number, emergency: boolean): void {
  const { guaranteed, inUse } = share
  pool.committed += Math.max(guaranteed, inUse + n) - Math.max(guaranteed, inUse)
  pool.inUse += n
  share.inUse = inUse + n
  const held = (share.holders.get(holder) ?? 0) + n
  if (held > 0) share.holders.set(holder, held)
  else share.holders.delete(holder)
  if (channels === null) return
  channels.all += n
  if (emergency) channels.emergency += n
  const onTrunk = channels.holders.get(holder)
  if (!onTrunk) channels.holders.set(holder, { subscriber, count: n })
  else if (onTrunk.count + n > 0) onTrunk.count += n
  else channels.holders.delete(holder)
}

/** Who holds what a demand was refused for, those that have held it longest first. */
export function holders(
  { subscriber, pool, share, channels }: Place,
  by: Refusal['limitedBy'],
  limit: number,
): Refusal['holders'] {
  const found: Refusal['holders'] = []
  if (by === 'trunk') {
    for (const [holder, held] of channels?.holders ?? []) {
      if (found.push(named(held.subscriber, holder, held.count)) >= limit) return found
    }
    return found
  }
  for (const [id, { holders }] of by === 'ceiling' ? [[subscriber, share] as const] : pool.shares) {
    for (const [holder, count] of holders) if (found.push(named(id, holder, count)) >= limit) return found
  }
  return found
}

function named(subscriber: Id<'sub'>, holder: Holder, count: number): Refusal['holders'][number] {
  return isCall(holder) ? { subscriber, call: holder, count } : { subscriber, agent: holder, count }
}

function isCall(holder: Holder): holder is Id<'call'> {
  return holder.startsWith('call_')
}
