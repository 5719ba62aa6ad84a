import { patched } from '#lib/index.ts'
import type { JournalRecord } from '#platform/words/index.ts'

type Whole = JournalRecord & { type: 'call' }
type Change = JournalRecord & { type: 'call.changed' }

/** What the records of a call amount to: the last one that held its whole state, and the changes since, as they were written. */
export class KeptCall {
  /** Where the whole state stands; its changes stand there or further on. */
  readonly segment: number
  readonly boot: string
  readonly #json: string
  /** The number of that. */
  readonly #number: number
  readonly #changes: string[] = []

  constructor(record: Whole, json: string, segment: number) {
    this.segment = segment
    this.boot = record.at.boot
    this.#json = json
    this.#number = record.number ?? 0
  }

  /** The number of the last of them. */
  get number(): number {
    return this.#number + this.#changes.length
  }

  /** Characters of all that is kept. */
  get length(): number {
    return this.#changes.reduce((sum, json) => sum + json.length, this.#json.length)
  }

  /** Takes a change in. Says whether it follows what is known; one that does not is left out. */
  change({ at, number }: Change, json: string): boolean {
    if (at.boot !== this.boot || number !== this.number + 1) return false
    this.#changes.push(json)
    return true
  }

  /** All of it as one record, with the changes made. */
  record(): Whole {
    const whole: Whole = JSON.parse(this.#json)
    if (this.#changes.length === 0) return whole
    let state: unknown = whole.state
    for (const json of this.#changes) state = patched(state, (JSON.parse(json) as Change).changes)
    return { ...whole, state, number: this.number }
  }
}
