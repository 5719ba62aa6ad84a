import type { ClientTransaction } from './client-transaction.ts'
import { Slots, slotOf } from './slots.ts'

const COOKIE = 'z9hG4bK'

/** The client transactions of one user agent. A branch of ours says in which place its transaction is ({@link Slots}). */
export class ClientSlots {
  readonly #slots = new Slots<ClientTransaction>()
  /** Those with the branch of another one (CANCEL), or of a former process, by {@link keyOf}. */
  readonly #others = new Map<string, ClientTransaction>()

  get size(): number {
    return this.#slots.size + this.#others.size
  }

  /** The branch of the transaction that is added next, with something random that nobody can guess. */
  newBranch(random: string): string {
    return `${COOKIE}${this.#slots.next}-${random}`
  }

  add(transaction: ClientTransaction): void {
    const { branch, method } = transaction
    if (method !== 'CANCEL' && slotOf(branch, COOKIE.length) === this.#slots.next) this.#slots.take(transaction)
    else this.#others.set(keyOf(branch, method), transaction)
  }

  /** §17.1.3. */
  find(branch: string, method: string): ClientTransaction | undefined {
    const found = this.#slots.at(slotOf(branch, COOKIE.length))
    if (found && found.method === method && found.branch === branch) return found
    return this.#others.size > 0 ? this.#others.get(keyOf(branch, method)) : undefined
  }

  delete(transaction: ClientTransaction): void {
    const { branch, method } = transaction
    const slot = slotOf(branch, COOKIE.length)
    if (this.#slots.at(slot) === transaction) {
      this.#slots.free(slot)
    } else {
      const key = keyOf(branch, method)
      if (this.#others.get(key) === transaction) this.#others.delete(key)
    }
  }

  clear(): void {
    this.#slots.clear()
    this.#others.clear()
  }

  *[Symbol.iterator](): Generator<ClientTransaction> {
    yield* this.#slots
    yield* this.#others.values()
  }
}

function keyOf(branch: string, method: string): string {
  return `${branch} ${method}`
}
