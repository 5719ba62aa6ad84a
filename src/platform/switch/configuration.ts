import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Id, Log } from '#lib/index.ts'
import type { Snapshot, SnapshotChange, SubscriberConfig } from '#platform/words/index.ts'

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
  readonly #file: string
  readonly #log: Log
  readonly #listeners: (() => void)[] = []
  #snapshot: Snapshot
  #subscribers = new Map<Id<'sub'>, SubscriberConfig>()

  constructor(options: { directory: string; log: Log }) {
    mkdirSync(options.directory, { recursive: true })
    this.#file = path.join(options.directory, 'snapshot.json')
    this.#log = options.log
    this.#snapshot = this.#read()
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
      this.#write()
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

  #read(): Snapshot {
    try {
      return JSON.parse(readFileSync(this.#file, 'utf8')) as Snapshot
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#log.error({ err: error }, 'the kept snapshot cannot be read')
      return EMPTY
    }
  }

  /** Whole or not at all: a torn file would take every subscriber away. */
  #write(): void {
    const temporary = `${this.#file}.new`
    try {
      writeFileSync(temporary, JSON.stringify(this.#snapshot), { mode: 0o600 })
      renameSync(temporary, this.#file)
    } catch (error) {
      this.#log.error({ err: error }, 'the snapshot cannot be kept on disk')
    }
  }
}
