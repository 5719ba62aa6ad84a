import { readFileSync } from 'node:fs'
import type { Id, Log } from '#lib/index.ts'
import { replaceFile } from '#platform/node/index.ts'
import { applyChange } from '#platform/subscriber/index.ts'
import type { Snapshot, SnapshotChange, SubscriberConfig } from '#platform/words/index.ts'

/** The newest snapshot, in memory and on disk, so that a node starts with control and PostgreSQL away. Secrets stay sealed. */
export class SnapshotFile {
  readonly #path: string
  #snapshot: Snapshot | null

  constructor(path: string, log: Log) {
    this.#path = path
    this.#snapshot = read(path, log)
  }

  /** 0 before the first publication. */
  get number(): number {
    return this.#snapshot?.number ?? 0
  }

  get current(): Snapshot | null {
    return this.#snapshot
  }

  get subscribers(): readonly SubscriberConfig[] {
    return this.#snapshot?.subscribers ?? []
  }

  subscriber(id: Id<'sub'>): SubscriberConfig | undefined {
    return this.subscribers.find((subscriber) => subscriber.id === id)
  }

  /** Takes a publication. Answers with the number that it is at: when it isn't the change's, a whole snapshot is due. */
  publish(publication: { snapshot: Snapshot } | { change: SnapshotChange }): { number: number; changed: boolean } {
    const next = 'snapshot' in publication ? publication.snapshot : this.#changed(publication.change)
    if (!next) return { number: this.number, changed: false }
    // On disk first: what has been answered must survive a crash.
    replaceFile(this.#path, JSON.stringify(next))
    this.#snapshot = next
    return { number: next.number, changed: true }
  }

  #changed(change: SnapshotChange): Snapshot | null {
    return this.#snapshot?.number === change.base ? applyChange(this.#snapshot, change) : null
  }
}

function read(path: string, log: Log): Snapshot | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      log.error({ error: (error as Error).message }, 'the kept snapshot cannot be read; waiting for control')
    return null
  }
}
