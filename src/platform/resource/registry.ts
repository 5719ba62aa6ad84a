import { type Clock, type Id, newId } from '#lib/index.ts'
import {
  type Allocation,
  type Capacity,
  type Demand,
  type Instant,
  instantOf,
  type JournalRecord,
  type Kind,
  type Lease,
  type Refusal,
  type TrunkConfig,
} from '#platform/words/index.ts'
import { decide, type Limit } from './admission.ts'
import { LeaseHold } from './hold.ts'
import { Tally } from './tally.ts'
import { ResourceUnavailable } from './unavailable.ts'
import type { ResourceUse } from './use.ts'

export interface RegistryOptions {
  clock: Clock
  /** Which run of the process this is: leases carry it in their instants. */
  boot: string
  /** Gets `lease.taken`, `lease.answered` and `lease.released`, in the same turn: the journal's `append`. */
  record(record: JournalRecord): void
}

/** What a call needs, all or none. */
export interface Request {
  subscriber: Id<'sub'>
  call: Id<'call'>
  demands: readonly Demand[]
}

/** What limits are made of; a Snapshot is one. */
export interface ResourceConfiguration {
  capacities: readonly Capacity[]
  subscribers: readonly { id: Id<'sub'>; allocations: readonly Allocation[] }[]
  trunks: readonly Pick<TrunkConfig, 'id' | 'maxIn' | 'maxOut' | 'emergencyReserve'>[]
}

/**
 * The leases of one node. What is in use follows from the leases alone: an id that isn't held any more changes nothing,
 * so nothing is ever counted down twice.
 */
export class ResourceRegistry {
  readonly #options: RegistryOptions
  readonly #leases = new Map<Id<'lse'>, Lease>()
  readonly #calls = new Map<Id<'call'>, Set<Id<'lse'>>>()
  readonly #tally = new Tally()

  constructor(options: RegistryOptions) {
    this.#options = options
  }

  /** How many leases are held. */
  get size(): number {
    return this.#leases.size
  }

  /** Sets all limits anew. Leases that are above a new limit stay; only new ones are refused. */
  configure(configuration: ResourceConfiguration): void {
    this.#tally.configure(configuration)
  }

  /** Leases all demands, in their order, or none. @throws ResourceUnavailable */
  admit(request: Request): Lease[] {
    const { subscriber, call, demands } = request
    for (const [i, demand] of demands.entries()) {
      const limit = decide(
        this.#tally.standing(subscriber, demand.kind, demand.trunk),
        whole(demand.count),
        demand.detail?.emergency === true,
      )
      if (limit) {
        for (const taken of demands.slice(0, i)) this.#tally.add(subscriber, call, taken, -1)
        throw new ResourceUnavailable(this.#refusal(request, demand, limit))
      }
      this.#tally.add(subscriber, call, demand, 1)
    }
    const taken = this.#now()
    return demands.map((demand) => {
      const lease: Lease = { id: newId('lse', taken.wall), subscriber, kind: demand.kind, count: demand.count, call, taken }
      if (demand.leg) lease.leg = demand.leg
      const detail = demand.trunk ? { ...demand.detail, trunk: demand.trunk } : demand.detail
      if (detail) lease.detail = detail
      this.#keep(lease)
      this.#options.record({ type: 'lease.taken', at: taken, lease: { ...lease } })
      return lease
    })
  }

  /** Like {@link admit}, as a thing that a stack can carry. */
  hold(request: Request): LeaseHold {
    return new LeaseHold(this, this.admit(request))
  }

  /** A hold of leases that are there already: those of a restored call. Ids that are not held are left out. */
  resume(leases: readonly Id<'lse'>[]): LeaseHold {
    return new LeaseHold(
      this,
      leases.flatMap((id) => this.#leases.get(id) ?? []),
    )
  }

  /** From `at` (default: now) on these are billable. The first time counts. */
  answered(leases: readonly Id<'lse'>[], at: Instant = this.#now()): void {
    for (const id of leases) {
      const lease = this.#leases.get(id)
      if (!lease || lease.answered) continue
      lease.answered = at
      this.#options.record({ type: 'lease.answered', at, lease: id })
    }
  }

  /**
   * Gives them back. Ids that are not held are passed over. A crash's leases are closed `at` the last proven moment of
   * their boot, with `review`.
   */
  release(leases: readonly Id<'lse'>[], reason: string, options: { at?: Instant; review?: boolean } = {}): void {
    const at = options.at ?? this.#now()
    for (const id of leases) {
      const lease = this.#leases.get(id)
      if (!lease) continue
      this.#forget(lease)
      lease.released = at
      lease.reason = reason
      this.#options.record({ type: 'lease.released', at, lease, ...(options.review ? { review: true } : {}) })
    }
  }

  /** Gives back whatever a call still holds: its last line of defence. Says how many there were. */
  releaseCall(call: Id<'call'>, reason: string): number {
    const ids = [...(this.#calls.get(call) ?? [])]
    this.release(ids, reason)
    return ids.length
  }

  /** The leases that a call holds. */
  leasesOf(call: Id<'call'>): Lease[] {
    return [...(this.#calls.get(call) ?? [])].flatMap((id) => this.#leases.get(id) ?? [])
  }

  /** Takes up what a former process held, beyond limits if need be: they are a fact. Known ones are passed over. */
  restore(leases: readonly Lease[]): void {
    for (const lease of leases) {
      if (lease.released || this.#leases.has(lease.id)) continue
      const own = { ...lease }
      this.#keep(own)
      this.#tally.add(own.subscriber, own.call, demandOf(own), 1)
    }
  }

  /** What is in use, by kind; of one subscriber alone where it is named. */
  inUse(subscriber?: Id<'sub'>): ResourceUse[] {
    return this.#tally.use(subscriber)
  }

  /** What is in use of one kind by one subscriber. */
  inUseOf(subscriber: Id<'sub'>, kind: Kind): number {
    return this.#tally.standing(subscriber, kind).mine
  }

  #now(): Instant {
    return instantOf(this.#options.clock, this.#options.boot)
  }

  #keep(lease: Lease): void {
    this.#leases.set(lease.id, lease)
    const ofCall = this.#calls.get(lease.call)
    if (ofCall) ofCall.add(lease.id)
    else this.#calls.set(lease.call, new Set([lease.id]))
  }

  #forget(lease: Lease): void {
    this.#leases.delete(lease.id)
    const ofCall = this.#calls.get(lease.call)
    ofCall?.delete(lease.id)
    if (ofCall?.size === 0) this.#calls.delete(lease.call)
    this.#tally.add(lease.subscriber, lease.call, demandOf(lease), -1)
  }

  #refusal(request: Request, refused: Demand, limit: Limit): Refusal {
    const { subscriber } = request
    const { kind, trunk } = refused
    const requested = request.demands
      .filter((d) => d.kind === kind && (limit.limitedBy !== 'trunk' || d.trunk === trunk))
      .reduce((sum, d) => sum + d.count, 0)
    const s = this.#tally.standing(subscriber, kind, trunk)
    const t = s.trunk
    const inUse = { ceiling: s.mine, pool: s.all, trunk: t ? t.all - t.emergency : 0 }[limit.limitedBy]
    return {
      kind,
      limitedBy: limit.limitedBy,
      limit: limit.limit,
      inUse,
      requested,
      holders: this.#tally.holders(limit.limitedBy, subscriber, kind, trunk, 20),
      fault: limit.limitedBy === 'ceiling' ? 'subscriber' : 'system',
    }
  }
}

function demandOf(lease: Lease): Demand {
  const demand: Demand = { kind: lease.kind, count: lease.count }
  if (lease.detail?.trunk) demand.trunk = lease.detail.trunk
  if (lease.detail) demand.detail = lease.detail
  return demand
}

function whole(count: number): number {
  if (!Number.isSafeInteger(count) || count < 1) throw new RangeError(`a demand counts in whole numbers from 1, not ${count}`)
  return count
}
