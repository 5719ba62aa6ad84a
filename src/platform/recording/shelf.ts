import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, type Id, isId, type Log, TielineError } from '#lib/index.ts'
import type { RecordingHeader, Sealed } from '#platform/words/index.ts'
import { RecordingReader } from './reader.ts'

/** Seals for one subscriber. */
export interface SubscriberSealer {
  seal(secret: Uint8Array): Sealed
  open(sealed: Sealed): Buffer
}

/** What is known of a recording without hearing it. */
export interface RecordingFacts {
  id: Id<'rec'>
  call: Id<'call'>
  startedAt: string
  durationMs: number
  channels: number
  /** Of the WAV file that is served. */
  sizeBytes: number
  /** False while it is being recorded, and for ever where a crash has cut it. */
  complete: boolean
}

const SUFFIX = '.tlrec'
const DAY_MS = 86_400_000

/** The recordings of all subscribers: a folder for each, a sealed file for each recording. */
export class RecordingShelf {
  readonly #directory: string
  readonly #sealerOf: (subscriber: Id<'sub'>) => SubscriberSealer

  constructor(options: { directory: string; sealerOf(subscriber: Id<'sub'>): SubscriberSealer }) {
    this.#directory = options.directory
    this.#sealerOf = options.sealerOf
  }

  /** A place for a new recording, its key, and the header that holds the key sealed. Throws where no folder can be made. */
  place(about: Omit<RecordingHeader, 'sealedKey'>): { file: string; key: string; header: RecordingHeader } {
    const key = randomBytes(32)
    mkdirSync(join(this.#directory, about.subscriber), { recursive: true, mode: 0o2770 })
    return {
      file: this.#file(about.subscriber, about.id),
      key: key.toString('base64'),
      header: { ...about, sealedKey: this.#sealerOf(about.subscriber).seal(key) },
    }
  }

  /** From the oldest on; at most `limit` that come behind `after`. */
  async list(subscriber: Id<'sub'>, query: { after?: string; limit: number }): Promise<RecordingFacts[]> {
    const { after = '', limit } = query
    const ids = (await this.#ids(subscriber)).filter((id) => id > after).slice(0, limit)
    const found = await Promise.all(ids.map((id) => this.facts(subscriber, id).catch(() => null)))
    return found.filter((facts) => facts !== null)
  }

  async facts(subscriber: Id<'sub'>, id: Id<'rec'>): Promise<RecordingFacts> {
    await using reader = await this.open(subscriber, id)
    const { header, durationMs, bytes, complete } = reader
    const { call, startedAt, channels } = header
    return { id, call, startedAt, durationMs, channels, sizeBytes: bytes, complete }
  }

  /** Rejects with `not-found`, `invalid-recording`, `sealing-key`. */
  async open(subscriber: Id<'sub'>, id: Id<'rec'>): Promise<RecordingReader> {
    try {
      return await RecordingReader.open(this.#file(subscriber, id), ({ sealedKey }) => this.#sealerOf(subscriber).open(sealedKey))
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? notFound() : error
    }
  }

  async remove(subscriber: Id<'sub'>, id: Id<'rec'>): Promise<void> {
    try {
      await rm(this.#file(subscriber, id))
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? notFound() : error
    }
  }

  /** Removes what is older than `days`, by the time in its id. How many those were. */
  async expire(days: number, { clock, log }: { clock: Clock; log: Log }): Promise<number> {
    const before = clock.wall() - days * DAY_MS
    let removed = 0
    for (const subscriber of await entries(this.#directory)) {
      if (!isId('sub', subscriber)) continue
      for (const id of await this.#ids(subscriber)) {
        if (madeAt(id) >= before) break
        await this.remove(subscriber, id)
        removed++
      }
    }
    if (removed > 0) log.info({ removed, days }, 'recordings that were kept long enough are removed')
    return removed
  }

  /** In the order in which they were made. */
  async #ids(subscriber: Id<'sub'>): Promise<Id<'rec'>[]> {
    const names = await entries(join(this.#directory, subscriber))
    return names
      .filter((name) => name.endsWith(SUFFIX))
      .map((name) => name.slice(0, -SUFFIX.length))
      .filter((id) => isId('rec', id))
      .sort()
  }

  #file(subscriber: Id<'sub'>, id: Id<'rec'>): string {
    return join(this.#directory, subscriber, `${id}${SUFFIX}`)
  }
}

/** Ms since the epoch: the first 48 bits of a UUIDv7 (RFC 9562 §5.7). */
function madeAt(id: Id<'rec'>): number {
  return Number.parseInt(id.slice('rec_'.length, 'rec_'.length + 12), 16)
}

/** What is in a folder; nothing where there is none. */
async function entries(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function notFound(): TielineError {
  return new TielineError('There is no such recording.', { code: 'not-found', fault: 'caller', retry: false, http: 404 })
}
