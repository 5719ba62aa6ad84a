import type { Id } from '#lib/index.ts'

/** Memory of the node that a sandbox holds: leased before it is started, released when it is gone. */
export interface MemoryHold {
  /** For which version, and how much: what is started again in the same way goes on with it. */
  readonly agent: Id<'agt'>
  readonly mebibytes: number
  release(reason: string): void
}

/** What runs have left that ended by themselves, kept for the one that is started in their place: an agent that dies keeps its lease. */
export class KeptMemory {
  readonly #holds = new Set<MemoryHold>()
  /** What a sandbox has had, and another one may have. */
  readonly #used = new WeakSet<MemoryHold>()

  add(hold: MemoryHold): void {
    this.#used.add(hold)
    this.#holds.add(hold)
  }

  /** Null where none is for this. */
  take(agent: Id<'agt'>, mebibytes: number): MemoryHold | null {
    for (const hold of this.#holds) {
      if (hold.agent !== agent || hold.mebibytes !== mebibytes) continue
      this.#holds.delete(hold)
      return hold
    }
    return null
  }

  /** Gives back what no sandbox was started in; what one had before it was used until now. */
  unused(hold: MemoryHold): void {
    hold.release(this.#used.has(hold) ? 'ended' : 'unused')
  }

  /** Gives back what nobody waits for. */
  tidy(isAwaited: (hold: MemoryHold) => boolean): void {
    for (const hold of this.#holds) {
      if (isAwaited(hold)) continue
      this.#holds.delete(hold)
      hold.release('ended')
    }
  }
}
