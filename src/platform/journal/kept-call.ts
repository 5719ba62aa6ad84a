import { type Id, patched } from '#lib/index.ts'
import type { Instant, JournalRecord } from '#platform/words/index.ts'

type Whole = JournalRecord & { type: 'call' }
type Change = JournalRecord & { type: 'call.changed' }

/** What the records of a call amount to: the last one that held its whole state, and the changes since, as JSON. */
export class KeptCall {
  /** Where the whole state stands; its changes stand there or further on. */
  readonly segment: number
  readonly #call: Id<'call'>
  /** When the whole state was written. */
  readonly #at: Instant
  readonly #state: string
  /** The number of that. */
  readonly #number: number
  readonly #changes: string[] = []

  constructor({ call, at, number }: Whole, state: string, segment: number) {
    this.segment = segment
    this.#call = call
    this.#at = at
    this.#state = state
    this.#number = number ?? 0
  }

  get boot(): string {
    return this.#at.boot
  }

  /** The number of the last of them. */
  get number(): number {
    return this.#number + this.#changes.length
  }

  /** Characters of all that is kept. */
  get length(): number {
    return this.#changes.reduce((sum, json) => sum + json.length, this.#state.length)
  }

  /** Takes a change in. Says whether it follows what is known; one that does not is left out. */
  change({ at, number }: Change, changes: string): boolean {
    if (at.boot !== this.boot || number !== this.number + 1) return false
    this.#changes.push(changes)
    return true
  }

  /** All of it as one record, with the changes made. */
  record(): Whole {
    let state: unknown = JSON.parse(this.#state)
    for (const changes of this.#changes) state = patched(state, JSON.parse(changes))
    return { type: 'call', at: this.#at, call: this.#call, state, ...(this.number > 0 && { number: this.number }) }
  }
}
