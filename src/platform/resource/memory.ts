import { type Clock, type Id, type Log, newId, TielineError, type Timer } from '#lib/index.ts'
import { type Instant, instantOf, type JournalRecord, type Lease, type SandboxMemory } from '#platform/words/index.ts'
import type { Release, ResourceRegistry } from './registry.ts'
import { ResourceUnavailable } from './unavailable.ts'

export interface AgentMemoryOptions {
  registry: ResourceRegistry
  clock: Clock
  boot: string
  log: Log
  /** The journal's `append`, for leases that are a fact before they are asked for, and for events of refusals. */
  record(record: JournalRecord): void
  /** What is published of a subscriber. */
  subscriber(id: Id<'sub'>): { timeZone?: string; agent: { memoryMebibytes: number } } | undefined
  /** The last millisecond, by the wall clock, of the calendar day that `wall` lies in. */
  endOfDay(wall: number, timeZone: string): number
}

/** Ms that a publication may take to reach the switch behind host. */
const BEHIND_MS = 1000
/** Ms that host may take to say what there is still. */
const SETTLE_MS = 5000
/** Ms after which the wall clock is looked at again: it may have been set. */
const LOOK_MS = 3_600_000

/** Ms by which the clocks may differ that nobody has set: each is read in whole ones, and they follow NTP by steps of their own. */
const READ_MS = 10

const STOPPING = { code: 'switch-stopping', fault: 'system', retry: true, http: 503 } as const

interface Held {
  lease: Lease
  timeZone: string
  /** When its day ends, by the wall clock. To find it takes a calendar, and all are looked at whenever one comes. */
  end: number
}

/**
 * The memory of agents, under leases: taken before host starts a sandbox, given back when it is gone. Host knows what there is, also while
 * the switch is away, and tells it whenever the two are linked; the switch says what there may be. A lease is cut at the end of each day of
 * its subscriber, so that what is held for months is usage day by day, and each day is on the bill of its month.
 */
export class AgentMemory {
  readonly #o: AgentMemoryOptions
  /** By sandbox. */
  readonly #held = new Map<string, Held>()
  /** What a former process has left, until host has said whether it is there still: where each is closed when it isn't. */
  readonly #former = new Map<string, Instant>()
  /** What each subscriber was refused last: host asks again and again. */
  readonly #refused = new Map<Id<'sub'>, string>()
  readonly #waiting = new Set<() => void>()
  /** What has come and gone since host was asked what there is: its answer may be older. */
  #since: { taken: Set<string>; freed: Set<string> } | null = null
  #timer: Timer | null = null
  #closed = false

  constructor(options: AgentMemoryOptions) {
    this.#o = options
  }

  /** Takes up what the registry has been given of a former process. Nothing is known of it before {@link settle}. */
  restore({ leases, lastProven }: { leases: readonly Lease[]; lastProven(lease: Lease): Instant }): void {
    for (const lease of leases) {
      const { sandbox } = lease.detail ?? {}
      if (!lease.agent || sandbox === undefined) continue
      this.#held.set(sandbox, this.#heldAs(lease))
      this.#former.set(sandbox, lastProven(lease))
    }
  }

  /** Leases it; once for each sandbox, however often it is asked for. @throws ResourceUnavailable, with `resource.refused` as an event */
  async take(wanted: SandboxMemory): Promise<void> {
    // What a former process has left may be gone long since, and would stand in the way.
    const { clock } = this.#o
    for (const until = clock.now() + SETTLE_MS; this.#former.size > 0 && !this.#closed && clock.now() < until; )
      await this.#woken(until - clock.now())
    try {
      this.#admit(wanted)
    } catch (error) {
      // Host may have heard before the switch of another size, or of a new subscriber.
      const known = this.#o.subscriber(wanted.subscriber)
      if (!(error instanceof ResourceUnavailable) || known?.agent.memoryMebibytes === wanted.mebibytes)
        throw this.#tell(error, wanted)
      await this.#woken(BEHIND_MS)
      try {
        this.#admit(wanted)
      } catch (still) {
        throw this.#tell(still, wanted)
      }
    }
  }

  /** A sandbox is gone; `unused`: it was never started, and costs nothing. */
  free(sandbox: string, reason: string): void {
    this.#since?.freed.add(sandbox)
    const at = reason === 'unused' ? this.#held.get(sandbox)?.lease.taken : undefined
    this.#release(sandbox, reason, at && { at })
  }

  /** Host is asked what there is. What comes or goes before it answers counts, whatever the answer says of it. */
  asking(): void {
    this.#since = { taken: new Set(), freed: new Set() }
  }

  /** Host says what there is: what is not there any more is closed, and what nobody knew of is leased, for it is a fact. */
  settle(there: readonly (SandboxMemory & { granted: boolean })[]): void {
    const { taken, freed } = this.#since ?? { taken: new Set(), freed: new Set() }
    this.#since = null
    const named = new Set(there.map(({ sandbox }) => sandbox))
    for (const sandbox of [...this.#held.keys()]) {
      if (named.has(sandbox) || taken.has(sandbox)) continue
      const at = this.#former.get(sandbox)
      if (at) this.#release(sandbox, 'crash', { at, review: true })
      else this.#release(sandbox, 'stopped')
    }
    // Whoever comes next closes what is gone by then at our last moment, and not at that of a switch that never knew of it.
    for (const sandbox of this.#former.keys())
      this.#o.record({ type: 'lease.carried', at: this.#now(), lease: this.#held.get(sandbox)!.lease.id })
    this.#former.clear()
    this.#wake()
    for (const one of there) if (one.granted && !this.#held.has(one.sandbox) && !freed.has(one.sandbox)) this.#acknowledge(one)
    this.#cut()
  }

  /** Something has been published. */
  published(): void {
    this.#wake()
  }

  /** Gives all back: the platform stops. */
  stop(): void {
    this.close()
    for (const sandbox of [...this.#held.keys()]) this.#release(sandbox, 'stopped')
  }

  /** Leaves the leases as they are, for the next switch. */
  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#wake()
  }

  #admit({ sandbox, subscriber, agent, mebibytes }: SandboxMemory): void {
    if (this.#held.has(sandbox)) return
    // Another switch will come, or none: what it does not know of would be left open.
    if (this.#closed) throw new TielineError('the switch stops', STOPPING)
    const demands = [{ kind: 'agent.memory', count: mebibytes, detail: { sandbox } }]
    const [lease] = this.#o.registry.admit({ subscriber, agent, demands })
    this.#refused.delete(subscriber)
    this.#hold(sandbox, lease!)
  }

  #acknowledge({ sandbox, subscriber, agent, mebibytes }: SandboxMemory): void {
    const taken = this.#now()
    const id = newId('lse', taken.wall)
    const lease: Lease = { id, subscriber, kind: 'agent.memory', count: mebibytes, agent, taken, detail: { sandbox } }
    this.#o.log.warn({ subscriber, sandbox }, 'a sandbox holds memory that nobody had leased')
    this.#o.registry.restore([lease])
    this.#o.record({ type: 'lease.taken', at: taken, lease })
    this.#hold(sandbox, lease)
  }

  #hold(sandbox: string, lease: Lease): void {
    this.#since?.taken.add(sandbox)
    this.#held.set(sandbox, this.#heldAs(lease))
    this.#cut()
  }

  #release(sandbox: string, reason: string, how?: Release): void {
    const held = this.#held.get(sandbox)
    if (!held) return
    this.#held.delete(sandbox)
    this.#former.delete(sandbox)
    this.#o.registry.release([held.lease.id], reason, how)
  }

  /** Cuts what is of a day that is over, at its end, and looks again at the end of the next one. */
  #cut(): void {
    this.#timer?.cancel()
    const now = this.#now()
    let next = Number.POSITIVE_INFINITY
    for (const [sandbox, held] of this.#held) {
      if (this.#former.has(sandbox)) continue
      this.#follow(held)
      while (held.end < now.wall) {
        const cut = this.#o.registry.cut(held.lease.id, endedAt(held, now), 'day')
        if (!cut) break
        held.lease = cut
        held.end = this.#endOf(held)
      }
      next = Math.min(next, held.end)
    }
    if (this.#closed || next === Number.POSITIVE_INFINITY) return
    this.#timer = this.#o.clock.after(Math.min(LOOK_MS, Math.max(1, next + 1 - now.wall)), () => this.#cut())
  }

  /** Of the day in which it was taken, or cut: then that is its last millisecond, and the day after counts. */
  #endOf({ lease, timeZone }: Pick<Held, 'lease' | 'timeZone'>): number {
    return this.#o.endOfDay(lease.taken.wall + 1, timeZone)
  }

  #heldAs(lease: Lease): Held {
    const timeZone = this.#zoneOf(lease.subscriber)
    return { lease, timeZone, end: this.#endOf({ lease, timeZone }) }
  }

  /** Its subscriber may have moved. */
  #follow(held: Held): void {
    const timeZone = this.#zoneOf(held.lease.subscriber, held.timeZone)
    if (timeZone === held.timeZone) return
    held.timeZone = timeZone
    held.end = this.#endOf(held)
  }

  #zoneOf(subscriber: Id<'sub'>, known = 'UTC'): string {
    return this.#o.subscriber(subscriber)?.timeZone ?? known
  }

  /** Resolves when something is known that was not, and after `ms`. */
  #woken(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = this.#o.clock.after(ms, resolve)
    this.#waiting.add(resolve)
    return promise.finally(() => {
      timer.cancel()
      this.#waiting.delete(resolve)
    })
  }

  #wake(): void {
    for (const go of [...this.#waiting]) go()
  }

  #tell(error: unknown, { subscriber, agent, mebibytes }: SandboxMemory): unknown {
    if (!(error instanceof ResourceUnavailable)) return error
    const { refusal } = error
    const { limitedBy, limit } = refusal
    const what = `${agent} ${mebibytes} ${limitedBy} ${limit}`
    if (this.#refused.get(subscriber) === what) return error
    this.#refused.set(subscriber, what)
    const at = this.#now()
    const event = { id: newId('evt', at.wall), subscriber, number: 0, at: new Date(at.wall).toISOString() }
    this.#o.record({ type: 'event', at, event: { ...event, type: 'resource.refused', data: { agent, refusal } } })
    return error
  }

  #now(): Instant {
    return instantOf(this.#o.clock, this.#o.boot)
  }
}

/**
 * The end of its day as an instant of this run. Of a wall clock that was put forward none is before the day began. Where the two clocks
 * differ by no more than they are read to, a whole day is one to the millisecond, and not an increment more.
 */
function endedAt({ lease: { taken }, end }: Held, { wall, mono, boot }: Instant): Instant {
  const then = mono - (wall - end)
  if (taken.boot !== boot) return { wall: end, mono: then, boot }
  const whole = taken.mono + (end - taken.wall)
  return { wall: end, mono: Math.abs(then - whole) <= READ_MS ? whole : Math.max(then, taken.mono), boot }
}
