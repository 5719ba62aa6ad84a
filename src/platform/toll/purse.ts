import type { Id } from '#lib/index.ts'
import type { Instant, Prepaid, TollBalance } from '#platform/words/index.ts'

/**
 * What a prepaid subscriber has left. The ledger's word is the truth as far as it reaches; what was released behind it, and what
 * running leases have reserved, the switch knows itself, so that it asks nobody.
 */
export class Purse {
  #published: Prepaid
  /** Of leases that the ledger had not charged when it was published. */
  #charges: { position: number; micros: number }[] = []
  #chargedMicros = 0
  readonly #reserved = new Map<Id<'lse'>, number>()
  #reservedMicros = 0
  #told: 'low' | 'empty' | null = null
  readonly #sinceMs: number

  /** `former`: what another plan that was paid in advance has left. */
  constructor(published: Prepaid, former: Purse | null = null) {
    this.#published = published
    this.#sinceMs = former ? former.#sinceMs : published.sinceMs
  }

  /** Whether a lease that was answered then runs on the balance: one that stands on a bill needs none of it. */
  holds(answered: Instant | undefined): boolean {
    return !answered || answered.wall >= this.#sinceMs
  }

  get leftMicros(): number {
    return this.#published.balanceMicros - this.#chargedMicros - this.#reservedMicros
  }

  get reservedMicros(): number {
    return this.#reservedMicros
  }

  get isLow(): boolean {
    const { lowMicros } = this.#published
    return this.#told !== null || (lowMicros !== undefined && this.leftMicros < lowMicros)
  }

  /** Something was asked for that could not be paid, and nothing has been paid in since. */
  get isEmpty(): boolean {
    return this.#told === 'empty'
  }

  get state(): Omit<TollBalance, 'subscriber'> {
    const { leftMicros, reservedMicros, isLow: low, isEmpty: empty } = this
    return { leftMicros, reservedMicros, low, empty }
  }

  /** Behind this the switch has to remember what was released; null where the ledger knows it all. */
  get keptFrom(): number | null {
    return this.#charges.length > 0 ? this.#published.position : null
  }

  /** A newer word of the ledger: what it has charged is no longer counted here. */
  renew(published: Prepaid): void {
    const before = this.leftMicros
    this.#published = published
    this.#charges = this.#charges.filter(({ position }) => position > published.position)
    this.#chargedMicros = this.#charges.reduce((sum, { micros }) => sum + micros, 0)
    const { lowMicros = 0 } = published
    // What the ledger has charged changes nothing of what is left: more was paid in.
    if (this.leftMicros > Math.max(0, before) && this.leftMicros >= lowMicros) this.#told = null
  }

  /** A lease that runs pays ahead, or is given some of it back. */
  reserve(lease: Id<'lse'>, micros: number): void {
    this.#reserved.set(lease, (this.#reserved.get(lease) ?? 0) + micros)
    this.#reservedMicros += micros
  }

  /** It is over, at this position of the journal: what it has paid is what it owes. */
  release(lease: Id<'lse'>, position: number, answered: Instant | undefined): void {
    const micros = this.#reserved.get(lease) ?? 0
    this.#reserved.delete(lease)
    this.#reservedMicros -= micros
    this.charge(micros, position, answered)
  }

  /** What is owed for a lease that was answered then, and released at this position. */
  charge(micros: number, position: number, answered: Instant | undefined): void {
    const { position: known, sinceMs } = this.#published
    if (micros === 0 || position <= known || !answered || answered.wall < sinceMs) return
    this.#charges.push({ position, micros })
    this.#chargedMicros += micros
  }

  /** Leases that run are taken up anew. */
  takeBack(): void {
    this.#reserved.clear()
    this.#reservedMicros = 0
  }

  /** What is to be told now, once until more is paid in. */
  notice(refused: boolean): 'low' | 'empty' | null {
    const is = refused ? 'empty' : this.isLow ? 'low' : null
    if (is === null || is === this.#told || this.#told === 'empty') return null
    this.#told = is
    return is
  }
}
