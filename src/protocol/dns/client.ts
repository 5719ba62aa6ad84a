import { randomInt } from 'node:crypto'
import type { Clock } from '#lib/index.ts'
import { type Question, type ReadAnswer, type RecordData, type RecordType, readAnswer, writeQuery } from './answer.ts'
import type { Exchange } from './exchange.ts'
import { DnsFailure, type DnsTrouble } from './failure.ts'

/** What is known of a name: no record at all is knowledge too. */
export interface Found<T extends RecordType> {
  records: readonly RecordData[T][]
  /** Ms for which this may be used without asking again; 0 where it holds for this once. */
  freshMs: number
}

/** Asks what records of a type a name has. Rejects with DnsFailure where DNS could not tell. */
export type Ask = <T extends RecordType>(name: string, type: T) => Promise<Found<T>>

/** Ms that a server has, by the round, unless said. */
const PATIENCE_MS: readonly number[] = [1000, 2000]

/** A name that moves is followed within minutes, whatever its record says. */
const MOST_TTL_S = 300

/** The share of its time after which a record is asked for again, so that its successor is there when it ends. */
const FRESH_SHARE = 0.9

const MOST_KEPT = 1024

interface Kept {
  records: readonly RecordData[RecordType][]
  /** Monotonic ms. */
  until: number
}

/** A stub resolver. The same question is never under way twice; the server that answered last is asked first. */
export class DnsClient {
  readonly #clock: Clock
  readonly #exchange: Exchange
  readonly #servers: () => readonly string[]
  readonly #patienceMs: readonly number[]
  readonly #kept = new Map<string, Kept>()
  readonly #asking = new Map<string, Promise<Found<RecordType>>>()
  #preferred = ''

  /** `servers`: addresses of the name servers, read at each question. `patienceMs`: what each has, by the round. */
  constructor(options: {
    clock: Clock
    exchange: Exchange
    servers: () => readonly string[]
    patienceMs?: readonly number[]
  }) {
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS
    this.#clock = options.clock
    this.#exchange = options.exchange
    this.#servers = options.servers
  }

  readonly ask: Ask = <T extends RecordType>(name: string, type: T) => {
    const key = `${type} ${name}`
    const kept = this.#kept.get(key)
    const left = (kept?.until ?? 0) - this.#clock.now()
    if (kept && left > 0) return Promise.resolve({ records: kept.records, freshMs: left } as Found<T>)
    let asking = this.#asking.get(key)
    if (!asking) {
      asking = this.#ask(name, type).finally(() => this.#asking.delete(key)) as Promise<Found<RecordType>>
      this.#asking.set(key, asking)
    }
    return asking as Promise<Found<T>>
  }

  async #ask<T extends RecordType>(name: string, type: T): Promise<Found<T>> {
    let trouble: DnsTrouble = 'no-server'
    for (const timeoutMs of this.#patienceMs) {
      for (const server of this.#inOrder()) {
        const answer = await this.#askOne(server, name, type, timeoutMs)
        if (answer?.kind === 'records') {
          this.#preferred = server
          return this.#keep(name, type, answer)
        }
        trouble = answer?.kind === 'refused' ? 'refused' : 'silent'
      }
    }
    throw new DnsFailure(name, type, trouble)
  }

  async #askOne<T extends RecordType>(server: string, name: string, type: T, timeoutMs: number) {
    const question: Question<T> = { id: randomInt(0x10000), name, type }
    const query = writeQuery(question)
    let answer: ReadAnswer<T> | null = null
    for (const over of ['udp', 'tcp'] as const) {
      const isAnswer = (bytes: Uint8Array) => readAnswer(bytes, question) !== null
      const bytes = await this.#exchange(query, { server, over, timeoutMs, isAnswer })
      answer = bytes && readAnswer(bytes, question)
      if (answer?.kind !== 'cut') break
    }
    return answer
  }

  #keep<T extends RecordType>(name: string, type: T, answer: ReadAnswer<T> & { kind: 'records' }): Found<T> {
    const freshMs = 1000 * FRESH_SHARE * Math.min(MOST_TTL_S, answer.ttlSeconds)
    const key = `${type} ${name}`
    this.#kept.delete(key)
    if (this.#kept.size >= MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value!)
    if (freshMs > 0) this.#kept.set(key, { records: answer.records, until: this.#clock.now() + freshMs })
    return { records: answer.records, freshMs }
  }

  #inOrder(): string[] {
    const servers = [...this.#servers()]
    return servers.sort((a, b) => Number(b === this.#preferred) - Number(a === this.#preferred))
  }
}
