import type { Id } from '#lib/index.ts'
import type { Demand, Refusal, TollClass, TollRules } from '#platform/words/index.ts'
import { ClassFinder, policyFor } from './classes.ts'

/** What the gate is made of; a Snapshot is one. */
export interface TollConfiguration {
  /** Absent where control is of an older release: everything is allowed. */
  tollClasses?: readonly TollClass[]
  subscribers: readonly { id: Id<'sub'>; toll?: TollRules }[]
}

/**
 * Whether a call out may be placed, at whose cost it is (PITFALLS F14). The registry asks it of every `trunk.out` that is demanded, so
 * nothing that costs passes it by, whoever has dialled; emergency calls are not asked about.
 */
export class TollGate {
  #finder = new ClassFinder([])
  #rules = new Map<Id<'sub'>, TollRules>()

  /** Sets all limits anew; calls that are up go on. */
  configure({ tollClasses = [], subscribers }: TollConfiguration): void {
    this.#finder = new ClassFinder(tollClasses)
    this.#rules = new Map(subscribers.flatMap(({ id, toll }) => (toll ? [[id, toll]] : [])))
  }

  /** Why this may not be leased; null where it may. */
  refuses(subscriber: Id<'sub'>, demand: Demand): Refusal | null {
    if (demand.kind !== 'trunk.out' || demand.detail?.emergency) return null
    return this.refusesNumber(subscriber, demand.detail?.number ?? '')
  }

  /** Why this number may not be called; null where it may. */
  refusesNumber(subscriber: Id<'sub'>, number: string): Refusal | null {
    const found = this.#finder.of(number)
    if (!found || policyFor(found, this.#rules.get(subscriber)?.classes) === 'allowed') return null
    return {
      ...{ kind: 'trunk.out', limitedBy: 'class', limit: 0, inUse: 0, requested: 1 },
      ...{ holders: [], fault: 'subscriber', class: found.name },
    }
  }
}
