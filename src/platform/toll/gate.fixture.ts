import { type Id, newId, TurnedClock } from '#lib/index.ts'
import {
  instantOf,
  type JournalRecord,
  type Kind,
  type Lease,
  type Prepaid,
  type Rate,
  type TollClass,
  type TollRules,
  type TollSpent,
} from '#platform/words/index.ts'
import { TollGate } from './gate.ts'
import type { Released } from './options.ts'
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
  spent?: TollSpent
  prepaid?: Prepaid
}

/** As it is read from a journal: later, and some of it at a time. */
export async function* afterwards(released: readonly Released[]): AsyncGenerator<readonly Released[]> {
  for (let i = 0; i <= released.length; i += 3) yield released.slice(i, i + 3)
}

/** A gate with the journal behind it, and the leases that its registry would hold. */
export class TollBench {
  readonly clock: TurnedClock
  readonly records: JournalRecord[] = []
  readonly leases = new Map<Id<'lse'>, Lease>()
  readonly over: Lease[] = []
  /** What stands in the journal as released. */
  readonly released: Released[] = []
  position = 0
  readonly warned: Id<'lse'>[] = []
  readonly cut: { lease: Id<'lse'>; at: number }[] = []
  readonly gate: TollGate
  readonly boot: string
  /** What was left is taken up. */
  ready: Promise<void> = Promise.resolve()
  readonly #more: TollBenchOptions
  #tariffs: { plan: string; rates: Rate[] }[] | null = null

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
      leases: () => this.leases.values(),
      released: (after) => afterwards(this.released.filter(({ position }) => position > after)),
    })
    this.#more = more
    this.publish(toll)
    const { before } = more
    if (!before) return
    for (const [id, lease] of before.leases) this.leases.set(id, lease)
    this.released.push(...before.released)
    this.position = before.position
    this.ready = this.restore(before)
  }

  /** Another word of control. */
  publish(toll: TollRules, changed: Pick<TollBenchOptions, 'spent' | 'prepaid'> = {}): void {
    const { timeZone = 'UTC', rates = [], spent, prepaid } = { ...this.#more, ...changed }
    this.#tariffs ??= [{ plan: 'standard', rates }]
    const more = { ...(spent ? { spent } : {}), ...(prepaid ? { prepaid } : {}) }
    this.gate.configure({
      ...{ tollClasses: CLASSES, tariffs: this.#tariffs },
      subscribers: [{ id: acme, toll, timeZone, plan: 'standard', ...more }],
    })
  }

  /** Takes up what another one has left, or nothing. */
  restore(before?: TollBench): Promise<void> {
    const state = before?.records.findLast((record) => record.type === 'toll')
    return this.gate.restore(state ? [state] : [], [...this.leases.values()])
  }

  /** Null where it is refused. */
  call(number = ORDINARY, answered = true): Id<'lse'> | null {
    return this.take('trunk.out', { number, answered })
  }

  take(
    kind: Kind,
    { number, answered = true, call = newId('call') }: { number?: string; answered?: boolean; call?: Id<'call'> } = {},
  ) {
    const detail = number === undefined ? {} : { number }
    if (this.gate.refuses(acme, { kind, count: 1, detail })) return null
    const lease: Lease = {
      ...{ id: newId('lse'), subscriber: acme, kind, count: 1, call, leg: newId('leg') },
      ...{ taken: this.now(), detail },
    }
    this.leases.set(lease.id, lease)
    this.gate.saw({ type: 'lease.taken', at: this.now(), lease }, ++this.position)
    if (answered) this.answer(lease.id)
    return lease.id
  }

  answer(id: Id<'lse'>): void {
    this.leases.get(id)!.answered = this.now()
    this.gate.saw({ type: 'lease.answered', at: this.now(), lease: id }, ++this.position)
  }

  /** Nothing where it is over. */
  end(id: Id<'lse'>): void {
    const lease = this.leases.get(id)
    if (!lease) return
    this.over.push(lease)
    this.leases.delete(id)
    lease.released = this.now()
    this.released.push({ position: ++this.position, lease })
    this.gate.saw({ type: 'lease.released', at: this.now(), lease }, this.position)
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
