import { type Clock, type Id, newId } from '#lib/index.ts'
import {
  type Allocation,
  type Capacity,
  type Demand,
  type Holder,
  type Instant,
  instantOf,
  type JournalRecord,
  type Kind,
  type Lease,
  type LeaseDetail,
  type Refusal,
  type TrunkConfig,
} from '#platform/words/index.ts'
import { decide, type Limit } from './admission.ts'
import { LeaseHold } from './hold.ts'
import { count, type Held, holders, type Place, standing, Tally } from './tally.ts'
import { ResourceUnavailable } from './unavailable.ts'
import type { ResourceUse } from './use.ts'

export interface RegistryOptions {
  clock: Clock
  /** Which run of the process this is: leases carry it in their instants. */
  boot: string
  /** Gets `lease.taken`, with what was demanded, `lease.answered` and `lease.released`, in the same turn: the journal's `append`. */
  record(record: JournalRecord, demand?: Demand): void
  /** A limit of another kind that a demand may meet, with those that stand before it in its request; asked last. `ahead`: nothing is demanded yet. */
  refuses?(subscriber: Id<'sub'>, demand: Demand, beside: readonly Demand[], ahead?: boolean): Refusal | null
}

/** What else is known of a lease's end. */
export interface Release {
  /** When it was given back; now by default. */
  at?: Instant
  review?: boolean
  /** It did not do what it was leased for: it is as if it had never been answered. */
  unbilled?: boolean
  /** Added to the lease's own. */
  detail?: LeaseDetail
}

/** What a call holds for a leg, but for one kind where that is named. */
export interface LegHold {
  call: Id<'call'>
  leg: Id<'leg'>
  but: Kind | null
}

/** What a call, or an agent, needs, all or none. */
export type Request = { subscriber: Id<'sub'>; demands: readonly Demand[] } & (
  | { call: Id<'call'>; agent?: undefined }
  | { agent: Id<'agt'>; call?: undefined }
)

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
  readonly #leases = new Map<Id<'lse'>, Held>()
  readonly #holders = new Map<Holder, Held[]>()
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
    const { subscriber, demands } = request
    const holder = request.call ?? request.agent
    // Before anything is counted: a wrong one is a bug of the caller and must leave nothing behind.
    for (const demand of demands) checkWhole(demand.count)
    const places: Place[] = []
    for (const demand of demands) {
      const place = this.#tally.place(subscriber, demand.kind, demand.trunk)
      const emergency = demand.detail?.emergency === true
      const limit = decide(standing(place), demand.count, emergency)
      const beside = places.length > 0 ? demands.slice(0, places.length) : NOTHING
      const further = limit ? null : this.#options.refuses?.(subscriber, demand, beside)
      if (limit || further) {
        for (const [i, taken] of places.entries())
          count(taken, holder, -demands[i]!.count, demands[i]!.detail?.emergency === true)
        throw new ResourceUnavailable(limit ? refusalOf(request, demand, limit, place) : further!, subscriber)
      }
      count(place, holder, demand.count, emergency)
      places.push(place)
    }
    const taken = this.#now()
    return places.map((place, i) => {
      const lease = leaseOf(request, demands[i]!, taken)
      this.#keep(heldAt(place, lease))
      this.#options.record({ type: 'lease.taken', at: taken, lease }, demands[i])
      return lease
    })
  }

  /** Why one demand would be refused now, or once `given` had been given back; null where it would not. Nothing is taken. */
  refusal(subscriber: Id<'sub'>, call: Id<'call'>, demand: Demand, given: readonly Lease[] = []): Refusal | null {
    const place = this.#tally.place(subscriber, demand.kind, demand.trunk)
    const back = given.flatMap(({ id }) => this.#leases.get(id) ?? [])
    for (const held of back) countHeld(held, -1)
    const limit = decide(standing(place), demand.count, demand.detail?.emergency === true)
    const refusal = limit && refusalOf({ subscriber, call, demands: [demand] }, demand, limit, place)
    for (const held of back) countHeld(held, 1)
    return refusal ?? this.#options.refuses?.(subscriber, demand, [], true) ?? null
  }

  /** Like {@link admit}, as a thing that a stack can carry. */
  hold(request: Request): LeaseHold {
    return new LeaseHold(this, this.admit(request))
  }

  /** A hold of leases that are there already: those of a restored call. Ids that are not held are left out. */
  resume(leases: readonly Id<'lse'>[]): LeaseHold {
    return new LeaseHold(
      this,
      leases.flatMap((id) => this.#leases.get(id)?.lease ?? []),
    )
  }

  /** From `at` (default: now) on these are billable. The first time counts. */
  answered(leases: readonly Id<'lse'>[], at: Instant = this.#now()): void {
    for (const id of leases) {
      const lease = this.#leases.get(id)?.lease
      if (lease) this.#answer(lease, at)
    }
  }

  /** The same for all that a call holds for a leg. */
  answeredFor(call: Id<'call'>, leg: Id<'leg'>, at: Instant): void {
    for (const { lease } of this.#holders.get(call) ?? NOBODY) if (lease.leg === leg) this.#answer(lease, at)
  }

  /** Since when what a call holds for a leg is billable; undefined where it is not. */
  answeredSince(call: Id<'call'>, leg: Id<'leg'>): Instant | undefined {
    for (const { lease } of this.#holders.get(call) ?? NOBODY) if (lease.leg === leg && lease.answered) return lease.answered
    return undefined
  }

  #answer(lease: Lease, at: Instant): void {
    if (lease.answered) return
    lease.answered = at
    this.#options.record({ type: 'lease.answered', at, lease: lease.id })
  }

  /**
   * Gives them back. Ids that are not held are passed over. A crash's leases are closed `at` the last proven moment of
   * their boot, with `review`.
   */
  release(leases: readonly Id<'lse'>[], reason: string, options: Release = {}): void {
    const at = options.at ?? this.#now()
    for (const id of leases) {
      const held = this.#leases.get(id)
      if (held) this.#giveBack(held, at, reason, options)
    }
  }

  /** The same for all that a call holds for a leg, but for one kind where that is named. */
  releaseFor({ call, leg, but }: LegHold, reason: string, options: Release): void {
    const held = this.#holders.get(call)
    if (!held) return
    const at = options.at ?? this.#now()
    for (const one of [...held]) {
      const { lease } = one
      if (lease.leg === leg && lease.kind !== but) this.#giveBack(one, at, reason, options)
    }
  }

  /** Gives back whatever a call still holds: its last line of defence. Says how many there were. */
  releaseCall(call: Id<'call'>, reason: string): number {
    const ids = this.leasesOf(call).map(({ id }) => id)
    this.release(ids, reason)
    return ids.length
  }

  #giveBack(held: Held, at: Instant, reason: string, options: Release): void {
    const { lease } = held
    // Whoever was told of the one before may have given this one back.
    if (lease.released) return
    this.#forget(held)
    lease.released = at
    if (options.unbilled) delete lease.answered
    lease.reason = reason
    if (options.detail) lease.detail = { ...lease.detail, ...options.detail }
    this.#options.record(
      options.review ? { type: 'lease.released', at, lease, review: true } : { type: 'lease.released', at, lease },
    )
  }

  /** Another call of the same subscriber holds what `from` held for a leg: nothing is taken, nothing is given back. */
  move(leg: Id<'leg'>, from: Id<'call'>, to: Id<'call'>): void {
    for (const held of [...(this.#holders.get(from) ?? [])]) {
      if (held.lease.leg !== leg) continue
      const { lease } = held
      this.#forget(held)
      lease.call = to
      this.#keep(held)
      countHeld(held, 1)
      this.#options.record({ type: 'lease.moved', at: this.#now(), lease: { ...lease } })
    }
  }

  /**
   * One ends and another one begins, of the same holder and at the same moment: nothing is asked and nothing is given back, but what has been
   * used until then is usage. Null where it is not held.
   */
  cut(id: Id<'lse'>, at: Instant, reason: string): Lease | null {
    const held = this.#leases.get(id)
    if (!held) return null
    const { answered: _, ...same } = held.lease
    const next: Lease = { ...same, id: newId('lse', at.wall), taken: at }
    this.release([id], reason, { at })
    const cut = { ...held, lease: next }
    countHeld(cut, 1)
    this.#keep(cut)
    this.#options.record({ type: 'lease.taken', at, lease: next })
    return next
  }

  /** The leases that a call, or a version of an agent, holds; those for one leg where it is named. */
  leasesOf(holder: Holder, leg?: Id<'leg'>): Lease[] {
    const leases: Lease[] = []
    for (const { lease } of this.#holders.get(holder) ?? []) if (leg === undefined || lease.leg === leg) leases.push(lease)
    return leases
  }

  /** All leases that are held. */
  *held(): Generator<Lease> {
    for (const { lease } of this.#leases.values()) yield lease
  }

  /** Takes up what a former process held, beyond limits if need be: they are a fact. Known ones are passed over. */
  restore(leases: readonly Lease[]): void {
    for (const lease of leases) {
      if (lease.released || this.#leases.has(lease.id)) continue
      const held = heldAt(this.#tally.place(lease.subscriber, lease.kind, lease.detail?.trunk), { ...lease })
      countHeld(held, 1)
      this.#keep(held)
    }
  }

  /** What is in use, by kind; of one subscriber alone where it is named. */
  inUse(subscriber?: Id<'sub'>): ResourceUse[] {
    return this.#tally.use(subscriber)
  }

  /** What is in use of one kind by one subscriber. */
  inUseOf(subscriber: Id<'sub'>, kind: Kind): number {
    return this.#tally.inUseOf(subscriber, kind)
  }

  #now(): Instant {
    return instantOf(this.#options.clock, this.#options.boot)
  }

  #keep(held: Held): void {
    const holder = holderOf(held.lease)
    this.#leases.set(held.lease.id, held)
    const others = this.#holders.get(holder)
    if (others) others.push(held)
    else this.#holders.set(holder, [held])
  }

  #forget(held: Held): void {
    const { lease } = held
    this.#leases.delete(lease.id)
    const holder = holderOf(lease)
    const all = this.#holders.get(holder)
    all?.splice(all.indexOf(held), 1)
    if (all?.length === 0) this.#holders.delete(holder)
    countHeld(held, -1)
  }
}

const NOTHING: readonly Demand[] = []
const NOBODY: readonly Held[] = []

/** The place is the lease's from now on. */
function heldAt(place: Place, lease: Lease): Held {
  place.lease = lease
  return place as Held
}

/** Counts it in, or out by -1. */
function countHeld(held: Held, sign: 1 | -1): void {
  const { lease } = held
  count(held, holderOf(lease), sign * lease.count, lease.detail?.emergency === true)
}

function holderOf({ call, agent }: Lease): Holder {
  return (call ?? agent)!
}

function leaseOf({ subscriber, call, agent }: Request, demand: Demand, taken: Instant): Lease {
  const { kind, count } = demand
  const id = newId('lse', taken.wall)
  const lease: Lease = call ? { id, subscriber, kind, count, call, taken } : { id, subscriber, kind, count, agent: agent!, taken }
  if (demand.leg) lease.leg = demand.leg
  const detail = demand.trunk ? { ...demand.detail, trunk: demand.trunk } : demand.detail
  if (detail) lease.detail = detail
  return lease
}

/** Nothing of the request is counted any more when this is written: `inUse` is without it, `requested` all of it. */
function refusalOf(request: Request, refused: Demand, limit: Limit, place: Place): Refusal {
  const { limitedBy } = limit
  const { kind, trunk } = refused
  const { mine, all } = standing(place)
  const { channels } = place
  return {
    kind,
    limitedBy,
    limit: limit.limit,
    inUse: { ceiling: mine, pool: all, trunk: channels ? onTrunk(channels, limit) : 0 }[limitedBy],
    requested: request.demands
      .filter((d) => d.kind === kind && (limitedBy !== 'trunk' || d.trunk === trunk))
      .reduce((sum, d) => sum + d.count, 0),
    holders: holders(place, limitedBy, 20),
    fault: limitedBy === 'ceiling' ? 'subscriber' : 'system',
  }
}

/** All channels in use where all of them were the limit; else those of ordinary calls, beside the reserve. */
function onTrunk(channels: NonNullable<Place['channels']>, { limit }: Limit): number {
  return limit === channels.limit ? channels.all : channels.all - channels.emergency
}

function checkWhole(count: number): void {
  if (!Number.isSafeInteger(count) || count < 1) throw new RangeError(`a demand counts in whole numbers from 1, not ${count}`)
}
