import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Id, Log } from '#lib/index.ts'
import type { Snapshot, SnapshotChange, SubscriberConfig } from '#platform/words/index.ts'
import { KeptFile } from './kept-file.ts'

const EMPTY: Snapshot = {
  number: 0,
  capacities: [],
  trunks: [],
  subscribers: [],
  emergency: { numbers: [] },
  ca: '',
  switchCertificate: { certificate: '', key: 'v1.' },
}

/**
 * What should be, as control has published it last. The newest is kept on disk, so that a switch starts with control
 * and PostgreSQL away; its secrets stay sealed there.
 */
export class Configuration {
  readonly #kept: KeptFile<Snapshot>
  readonly #listeners: (() => void)[] = []
  #snapshot: Snapshot
  #subscribers = new Map<Id<'sub'>, SubscriberConfig>()

  constructor(options: { directory: string; log: Log }) {
    mkdirSync(options.directory, { recursive: true })
    const file = path.join(options.directory, 'snapshot.json')
    this.#kept = new KeptFile({ file, log: options.log, what: 'the snapshot' })
    this.#snapshot = this.#kept.read() ?? EMPTY
    this.#index()
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }

  subscriber(id: Id<'sub'>): SubscriberConfig | undefined {
    return this.#subscribers.get(id)
  }

  /** Calls `run` after every publication. */
  onChange(run: () => void): void {
    this.#listeners.push(run)
  }

  /** Takes a publication. Answers with the number that it is at: when it isn't the change's, a whole one is due. */
  publish(publication: { snapshot: Snapshot } | { change: SnapshotChange }): { number: number } {
    const next = 'snapshot' in publication ? publication.snapshot : this.#merge(publication.change)
    if (next) {
      this.#snapshot = next
      this.#index()
      this.#kept.write(next)
      for (const run of this.#listeners) run()
    }
    return { number: this.#snapshot.number }
  }

  #merge(change: SnapshotChange): Snapshot | null {
    if (change.base !== this.#snapshot.number) return null
    const { number, base: _base, subscribers, ...parts } = change
    const next: Snapshot = { ...this.#snapshot, ...parts, number }
    if (subscribers) {
      const gone = new Set([...subscribers.remove, ...subscribers.upsert.map((s) => s.id)])
      next.subscribers = [...this.#snapshot.subscribers.filter((s) => !gone.has(s.id)), ...subscribers.upsert]
    }
    return next
  }

  #index(): void {
    this.#subscribers = new Map(this.#snapshot.subscribers.map((s) => [s.id, s]))
  }
}
