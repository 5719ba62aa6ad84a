import type { Clock, Id, Log, Timer } from '#lib/index.ts'
import type { Snapshot, SnapshotChange, SubscriberConfig } from '#platform/words/index.ts'
import { applyChange } from './config.ts'

/** Where publications come from: the database. */
export interface PublicationSource {
  /** All that should be, under a new number. */
  snapshot(): Promise<Snapshot>
  /** A new number and what should be now of these parts; null for a subscriber that is to be gone. */
  parts(what: ChangedParts): Promise<{
    number: number
    parts: Omit<SnapshotChange, 'number' | 'base' | 'subscribers'>
    subscribers: Map<Id<'sub'>, SubscriberConfig | null>
  }>
}

/** Which parts of what should be have changed. */
export interface ChangedParts {
  subscribers?: Id<'sub'>[]
  trunks?: boolean
  capacities?: boolean
  tollClasses?: boolean
  tariffs?: boolean
}

/** Who acts on publications: host and switch, as their links offer it. */
export interface Receiver {
  publish(params: { snapshot: Snapshot } | { change: SnapshotChange }): Promise<{ number: number }>
}

const RETRY_MS = 1000

/**
 * Keeps numbered snapshots and changes flowing. Numbers grow by one; whoever turns out to be elsewhere than at a change's
 * base is sent the whole. Receivers that are away get the whole when they are back.
 */
export class Publisher implements Disposable {
  readonly #source: PublicationSource
  readonly #clock: Clock
  readonly #log: Log
  readonly #receivers = new Map<Receiver, { name: string; queue: Promise<unknown> }>()
  #current: Snapshot | null = null
  #turn: Promise<unknown> = Promise.resolve()
  #retry: Timer | null = null
  #closed = false

  constructor({ source, clock, log }: { source: PublicationSource; clock: Clock; log: Log }) {
    this.#source = source
    this.#clock = clock
    this.#log = log
  }

  /** The number of the newest publication, 0 before the first. */
  get number(): number {
    return this.#current?.number ?? 0
  }

  /** The newest publication, null before the first. */
  get snapshot(): Snapshot | null {
    return this.#current
  }

  /** Reads and publishes everything. Rejects when the database is away; the caller decides when to try again. */
  refresh(): Promise<void> {
    return this.#inTurn(async () => {
      this.#current = await this.#source.snapshot()
      await this.#send(this.#current)
    })
  }

  /**
   * Publishes what a committed transaction has changed. Resolves when every receiver that is there has answered. When
   * the database cannot be read it is published as soon as it can, and this rejects.
   */
  publish(what: ChangedParts): Promise<void> {
    return this.#inTurn(async () => {
      const before = this.#current
      try {
        if (!before) {
          this.#current = await this.#source.snapshot()
          return await this.#send(this.#current)
        }
        const change = await this.#change(before.number, what)
        this.#current = applyChange({ ...before, number: change.number }, change)
        await this.#send(this.#current, change)
      } catch (error) {
        this.#later()
        throw error
      }
    })
  }

  /** Starts to publish to a receiver, at first the whole. Answers what ends it. */
  attach(name: string, receiver: Receiver): () => void {
    this.#receivers.set(receiver, { name, queue: Promise.resolve() })
    if (this.#current) void this.#deliver(receiver, this.#current)
    return () => this.#receivers.delete(receiver)
  }

  [Symbol.dispose](): void {
    this.#closed = true
    this.#retry?.cancel()
    this.#receivers.clear()
  }

  async #change(base: number, what: ChangedParts): Promise<SnapshotChange> {
    const { number, parts, subscribers } = await this.#source.parts(what)
    const upsert: SubscriberConfig[] = []
    const remove: Id<'sub'>[] = []
    for (const [id, config] of subscribers) config ? upsert.push(config) : remove.push(id)
    return { number, base, ...parts, ...(subscribers.size > 0 ? { subscribers: { upsert, remove } } : {}) }
  }

  async #send(snapshot: Snapshot, change?: SnapshotChange): Promise<void> {
    await Promise.all([...this.#receivers.keys()].map((receiver) => this.#deliver(receiver, snapshot, change)))
  }

  /** One at a time for each receiver, in order. A receiver that fails is one whose link is lost: it will be attached anew. */
  #deliver(receiver: Receiver, snapshot: Snapshot, change?: SnapshotChange): Promise<void> {
    const entry = this.#receivers.get(receiver)
    if (!entry) return Promise.resolve()
    const delivered = entry.queue.then(async () => {
      try {
        let at = change ? (await receiver.publish({ change })).number : -1
        if (at !== snapshot.number) at = (await receiver.publish({ snapshot })).number
        if (at !== snapshot.number)
          this.#log.error({ receiver: entry.name, at, number: snapshot.number }, 'a receiver refuses a snapshot')
      } catch (error) {
        this.#log.warn({ receiver: entry.name, number: snapshot.number, err: error }, 'a publication was not taken')
      }
    })
    entry.queue = delivered
    return delivered
  }

  #later(): void {
    if (this.#closed || this.#retry) return
    this.#retry = this.#clock.after(RETRY_MS, () => {
      this.#retry = null
      this.refresh().catch(() => this.#later())
    })
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(run, run)
    this.#turn = result.catch(() => {})
    return result
  }
}
