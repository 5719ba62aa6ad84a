import type { ClientTransaction } from './client-transaction.ts'

const COOKIE = 'z9hG4bK'
const DASH = 45

/**
 * The client transactions of one user agent. A branch of ours says in which place its transaction is, so that none is looked
 * for in a table of all that linger; the rest of the branch, which nobody can guess, says that it is the one that is meant.
 */
export class ClientSlots {
  readonly #slots: (ClientTransaction | null)[] = []
  readonly #free: number[] = []
  /** Those with the branch of another one (CANCEL), or of a former process, by {@link keyOf}. */
  readonly #others = new Map<string, ClientTransaction>()

  get size(): number {
    return this.#slots.length - this.#free.length + this.#others.size
  }

  /** The branch of the transaction that is added next, with something random that nobody can guess. */
  newBranch(random: string): string {
    return `${COOKIE}${this.#next}-${random}`
  }

  get #next(): number {
    return this.#free.length > 0 ? this.#free[this.#free.length - 1]! : this.#slots.length
  }

  add(transaction: ClientTransaction): void {
    const { branch, method } = transaction
    const slot = slotOf(branch)
    if (method === 'CANCEL' || slot !== this.#next) {
      this.#others.set(keyOf(branch, method), transaction)
      return
    }
    this.#free.pop()
    this.#slots[slot] = transaction
  }

  /** §17.1.3. */
  find(branch: string, method: string): ClientTransaction | undefined {
    const found = this.#slots[slotOf(branch)]
    if (found && found.method === method && found.branch === branch) return found
    return this.#others.size > 0 ? this.#others.get(keyOf(branch, method)) : undefined
  }

  delete(transaction: ClientTransaction): void {
    const { branch, method } = transaction
    const slot = slotOf(branch)
    if (this.#slots[slot] === transaction) {
      this.#slots[slot] = null
      this.#free.push(slot)
    } else {
      const key = keyOf(branch, method)
      if (this.#others.get(key) === transaction) this.#others.delete(key)
    }
  }

  clear(): void {
    this.#slots.length = 0
    this.#free.length = 0
    this.#others.clear()
  }

  *[Symbol.iterator](): Generator<ClientTransaction> {
    for (const transaction of this.#slots) if (transaction) yield transaction
    yield* this.#others.values()
  }
}

function keyOf(branch: string, method: string): string {
  return `${branch} ${method}`
}

/** The place that a branch names; -1 where it names none. */
function slotOf(branch: string): number {
  let slot = 0
  let i = COOKIE.length
  for (; i < branch.length; i++) {
    const digit = branch.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) break
    slot = slot * 10 + digit
    if (slot > 99_999_999) return -1
  }
  return i > COOKIE.length && branch.charCodeAt(i) === DASH ? slot : -1
}
