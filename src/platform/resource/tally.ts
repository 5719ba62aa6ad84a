import type { Id } from '#lib/index.ts'
import type { Demand, Kind, Refusal } from '#platform/words/index.ts'
import type { Standing } from './admission.ts'
import type { ResourceConfiguration } from './registry.ts'
import type { ResourceUse } from './use.ts'

/** One subscriber's part of a kind, and which calls hold it, longest first. */
interface Share {
  guaranteed: number
  ceiling: number
  inUse: number
  calls: Map<Id<'call'>, number>
}

interface Pool {
  capacity: number
  inUse: number
  committed: number
  shares: Map<Id<'sub'>, Share>
}

interface Channels {
  limit: number
  reserve: number
  inUse: number
  emergency: number
  calls: Map<Id<'call'>, { subscriber: Id<'sub'>; count: number }>
}

const UNLIMITED = Number.POSITIVE_INFINITY

/** The counts that admission decides by, kept as leases come and go: a step costs the same whatever is in use. */
export class Tally {
  readonly #pools = new Map<Kind, Pool>()
  readonly #channels = new Map<string, Channels>()

  configure(configuration: ResourceConfiguration): void {
    for (const pool of this.#pools.values()) {
      pool.capacity = 0
      for (const share of pool.shares.values()) {
        share.guaranteed = 0
        share.ceiling = 0
      }
    }
    for (const { kind, capacity } of configuration.capacities) this.#pool(kind).capacity = capacity
    for (const { id, allocations } of configuration.subscribers) {
      for (const { kind, guaranteed, ceiling } of allocations)
        Object.assign(this.#share(this.#pool(kind), id), { guaranteed, ceiling })
    }
    for (const channels of this.#channels.values()) Object.assign(channels, { limit: UNLIMITED, reserve: 0 })
    for (const trunk of configuration.trunks) {
      Object.assign(this.#ofTrunk(trunk.id, 'trunk.in'), { limit: trunk.maxIn ?? UNLIMITED, reserve: 0 })
      Object.assign(this.#ofTrunk(trunk.id, 'trunk.out'), { limit: trunk.maxOut ?? UNLIMITED, reserve: trunk.emergencyReserve })
    }
    for (const [kind, pool] of this.#pools) {
      pool.committed = 0
      for (const [id, share] of pool.shares) {
        if (share.inUse === 0 && share.ceiling === 0) pool.shares.delete(id)
        else pool.committed += Math.max(share.guaranteed, share.inUse)
      }
      if (pool.capacity === 0 && pool.shares.size === 0) this.#pools.delete(kind)
    }
    const known = new Set(configuration.trunks.map((trunk) => trunk.id as string))
    for (const [key, channels] of this.#channels) {
      if (channels.inUse === 0 && !known.has(key.slice(key.indexOf(' ') + 1))) this.#channels.delete(key)
    }
  }

  standing(subscriber: Id<'sub'>, kind: Kind, trunk?: Id<'trk'>): Standing {
    const pool = this.#pools.get(kind)
    const share = pool?.shares.get(subscriber)
    const channels = trunk && this.#channels.get(`${kind} ${trunk}`)
    const standing: Standing = {
      guaranteed: share?.guaranteed ?? 0,
      ceiling: share?.ceiling ?? 0,
      mine: share?.inUse ?? 0,
      capacity: pool?.capacity ?? 0,
      all: pool?.inUse ?? 0,
      committed: pool?.committed ?? 0,
    }
    if (channels && channels.limit !== UNLIMITED) {
      standing.trunk = { limit: channels.limit, reserve: channels.reserve, all: channels.inUse, emergency: channels.emergency }
    }
    return standing
  }

  /** Counts a demand in (`sign` 1) or out (-1). */
  add(subscriber: Id<'sub'>, call: Id<'call'>, demand: Demand, sign: 1 | -1): void {
    const n = sign * demand.count
    const pool = this.#pool(demand.kind)
    const share = this.#share(pool, subscriber)
    pool.committed += Math.max(share.guaranteed, share.inUse + n) - Math.max(share.guaranteed, share.inUse)
    pool.inUse += n
    share.inUse += n
    const held = (share.calls.get(call) ?? 0) + n
    if (held > 0) share.calls.set(call, held)
    else share.calls.delete(call)
    if (!demand.trunk) return
    const channels = this.#ofTrunk(demand.trunk, demand.kind)
    channels.inUse += n
    if (demand.detail?.emergency) channels.emergency += n
    const count = (channels.calls.get(call)?.count ?? 0) + n
    if (count > 0) channels.calls.set(call, { subscriber, count })
    else channels.calls.delete(call)
  }

  /** Who holds what a demand was refused for, those that have held it longest first. */
  holders(
    by: Refusal['limitedBy'],
    subscriber: Id<'sub'>,
    kind: Kind,
    trunk: Id<'trk'> | undefined,
    limit: number,
  ): Refusal['holders'] {
    const found: Refusal['holders'] = []
    if (by === 'trunk' && trunk) {
      for (const [call, held] of this.#ofTrunk(trunk, kind).calls) {
        if (found.push({ subscriber: held.subscriber, call, count: held.count }) >= limit) return found
      }
      return found
    }
    for (const [id, share] of this.#pools.get(kind)?.shares ?? []) {
      if (by === 'ceiling' && id !== subscriber) continue
      for (const [call, count] of share.calls) {
        if (found.push({ subscriber: id, call, count }) >= limit) return found
      }
    }
    return found
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
    const pool: Pool = { capacity: 0, inUse: 0, committed: 0, shares: new Map() }
    this.#pools.set(kind, pool)
    return pool
  }

  #share(pool: Pool, subscriber: Id<'sub'>): Share {
    const found = pool.shares.get(subscriber)
    if (found) return found
    const share: Share = { guaranteed: 0, ceiling: 0, inUse: 0, calls: new Map() }
    pool.shares.set(subscriber, share)
    return share
  }

  #ofTrunk(trunk: Id<'trk'>, kind: Kind): Channels {
    const key = `${kind} ${trunk}`
    const found = this.#channels.get(key)
    if (found) return found
    const channels: Channels = { limit: UNLIMITED, reserve: 0, inUse: 0, emergency: 0, calls: new Map() }
    this.#channels.set(key, channels)
    return channels
  }
}
