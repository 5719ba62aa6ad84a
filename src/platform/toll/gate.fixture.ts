import { type Id, newId, TurnedClock } from '#lib/index.ts'
import { instantOf, type JournalRecord, type Lease, type Rate, type TollClass, type TollRules } from '#platform/words/index.ts'
import { TollGate } from './gate.ts'
import type { Pricing } from './price.ts'

export const acme = newId('sub')
export const CLASSES: TollClass[] = [
  { name: 'international', title: '', prefixes: ['+'], policy: 'allowed' },
  { name: 'premium', title: '', prefixes: ['+3290'], policy: 'limited', limits: { callsPerHour: 2 } },
]
export const ORDINARY = '+32470123456'
export const PREMIUM = '+3290312345'

const FREE: Pricing = { units: () => 0, price: () => 0n, micros: () => 0n }

interface TollBenchOptions {
  clock?: TurnedClock
  before?: TollBench
  boot?: string
  timeZone?: string
  rates?: Rate[]
  pricing?: Pricing
}

/** A gate with the journal behind it, and the leases that its registry would hold. */
export class TollBench {
  readonly clock: TurnedClock
  readonly records: JournalRecord[] = []
  readonly leases = new Map<Id<'lse'>, Lease>()
  readonly over: Lease[] = []
  readonly warned: Id<'lse'>[] = []
  readonly cut: { lease: Id<'lse'>; at: number }[] = []
  readonly gate: TollGate
  readonly boot: string

  constructor(toll: TollRules, more: TollBenchOptions = {}) {
    this.clock = more.clock ?? new TurnedClock()
    this.boot = more.boot ?? 'b1'
    this.gate = new TollGate({
      ...{ clock: this.clock, boot: this.boot, record: (record) => void this.records.push(structuredClone(record)) },
      pricing: more.pricing ?? FREE,
      warn: ({ leg }) => void this.warned.push(this.#leaseOf(leg).id),
      cut: ({ leg }) => {
        const { id } = this.#leaseOf(leg)
        this.cut.push({ lease: id, at: this.clock.wall() })
        this.end(id)
      },
    })
    const { timeZone = 'UTC', before, rates = [] } = more
    this.gate.configure({
      ...{ tollClasses: CLASSES, tariffs: [{ plan: 'standard', rates }] },
      subscribers: [{ id: acme, toll, timeZone, plan: 'standard' }],
    })
    if (!before) return
    for (const [id, lease] of before.leases) this.leases.set(id, lease)
    const state = before.records.findLast((record) => record.type === 'toll')
    this.gate.restore(state ? [state] : [], [...this.leases.values()])
  }

  /** Null where it is refused. */
  call(number = ORDINARY, answered = true): Id<'lse'> | null {
    const detail = { number }
    if (this.gate.refuses(acme, { kind: 'trunk.out', count: 1, detail })) return null
    const lease: Lease = {
      ...{ id: newId('lse'), subscriber: acme, kind: 'trunk.out', count: 1, call: newId('call'), leg: newId('leg') },
      ...{ taken: this.now(), detail },
    }
    this.leases.set(lease.id, lease)
    this.gate.saw({ type: 'lease.taken', at: this.now(), lease })
    if (answered) this.answer(lease.id)
    return lease.id
  }

  answer(id: Id<'lse'>): void {
    this.leases.get(id)!.answered = this.now()
    this.gate.saw({ type: 'lease.answered', at: this.now(), lease: id })
  }

  /** Nothing where it is over. */
  end(id: Id<'lse'>): void {
    const lease = this.leases.get(id)
    if (!lease) return
    this.over.push(lease)
    this.leases.delete(id)
    lease.released = this.now()
    this.gate.saw({ type: 'lease.released', at: this.now(), lease })
  }

  now() {
    return instantOf(this.clock, this.boot)
  }

  used(rule: string, name?: string): number | undefined {
    return this.gate.uses(acme).find((use) => use.rule === rule && use.class === name)?.used
  }

  get events() {
    return this.records.flatMap((record) => (record.type === 'event' ? [record.event] : []))
  }

  #leaseOf(leg: Id<'leg'> | undefined): Lease {
    return [...this.leases.values()].find((lease) => lease.leg === leg)!
  }
}
