import type { Id } from '#lib/index.ts'
import type { Instant, JournalRecord, Lease } from '#platform/words/index.ts'
import type { Replay } from './journal.ts'
import { KeptCall } from './kept-call.ts'
import { isShort, jsonOf } from './short.ts'

/** What must not be forgotten, and in which segment it stands. */
interface Kept {
  json: string
  segment: number
}

interface KeptLease {
  lease: Lease
  /** When the process that holds it, where it is an agent's, has last said so. */
  by: Instant
  segment: number
}

/** The number of a subscriber's last event. */
interface LastNumber {
  readonly subscriber: Id<'sub'>
  number: number
}

/** What the first line of a segment carries over from the ones before it. */
export interface Carried {
  numbers: [Id<'sub'>, number][]
  proven: Instant[]
}

/**
 * The state that the records amount to: open leases, calls that are not over, event numbers, proven moments. It is built
 * by the same steps while appending and while reading the file again.
 */
export class LiveState {
  readonly #leases = new Map<Id<'lse'>, KeptLease>()
  readonly #calls = new Map<Id<'call'>, KeptCall>()
  /** Where only the newest of its kind counts: registrations by telephone, tolls by subscriber. */
  readonly #newest = new Map<string, Kept>()
  readonly #boots = new Map<Id<'call'>, string>()
  readonly #numbers = new Map<Id<'sub'>, LastNumber>()
  /** The one of them that was looked for last: each event asks twice. */
  #counted: LastNumber = { subscriber: 'sub_', number: 0 }
  readonly #proven = new Map<string, Instant>()
  /** What was proven last: many records have one moment. */
  #latest: Instant | null = null
  /** By segment: the line at which the last thing that lived in it ended, or was written again elsewhere. */
  readonly #left = new Map<number, number>()
  #bytes = 0

  /** Roughly how many bytes it takes to write all that is live once more. */
  get bytes(): number {
    return this.#bytes + this.#leases.size * 400
  }

  nextNumber(subscriber: Id<'sub'>): number {
    return this.#numberOf(subscriber).number + 1
  }

  /** The number of what is written next of a call's state. */
  nextNumberOf(call: Id<'call'>): number {
    return (this.#calls.get(call)?.number ?? 0) + 1
  }

  /** The line that has to be on the disk before `segment` may go; only good when {@link in} says that nothing lives in it. */
  leftAt(segment: number): number {
    return this.#left.get(segment) ?? 0
  }

  /** Takes one record in, which stands as line number `line` in `segment`. `json` is what {@link jsonOf} says of it. */
  evolve(record: JournalRecord, json: string, segment: number, line: number): void {
    this.#prove(record.at)
    switch (record.type) {
      case 'lease.taken':
      case 'lease.moved':
        this.#leave(this.#leases.get(record.lease.id), line)
        this.#leases.set(record.lease.id, { lease: { ...record.lease }, by: record.at, segment })
        // Written again it tells who leased it, which may be long ago; whoever carries a call on has written its state.
        if (record.lease.call && !this.#boots.has(record.lease.call)) this.#writes(record.lease.call, record.at.boot)
        return
      case 'lease.answered': {
        const kept = this.#leases.get(record.lease)
        if (!kept) return
        kept.lease.answered ??= record.at
        if (kept.lease.call) this.#writes(kept.lease.call, record.at.boot)
        return
      }
      case 'lease.carried': {
        const kept = this.#leases.get(record.lease)
        if (kept) kept.by = record.at
        return
      }
      case 'lease.released':
        this.#leave(this.#leases.get(record.lease.id), line)
        this.#leases.delete(record.lease.id)
        return
      case 'event': {
        const { subscriber, number, call } = record.event
        this.#count(subscriber, number)
        const boot = call && this.#boots.get(call)
        if (boot !== undefined && boot !== record.at.boot) this.#boots.set(call!, record.at.boot)
        return
      }
      case 'call':
        this.#leave(this.#calls.get(record.call), line)
        this.#call(record.call, record.state === null ? null : new KeptCall(record, json, segment))
        return
      case 'call.changed':
        // One that does not follow what is known was behind a record that is lost: the state before that is what is left.
        if (this.#calls.get(record.call)?.change(record, json)) this.#bytes += json.length
        return
      case 'registration': {
        const key = `registration ${record.subscriber} ${record.user}`
        this.#renew(key, record.bindings.length > 0 ? { json, segment } : null, line)
        return
      }
      case 'toll':
        this.#renew(`toll ${record.subscriber}`, record.state === null ? null : { json, segment }, line)
        return
    }
  }

  carried(): Carried {
    this.#forget()
    return { numbers: [...this.#eventNumbers()], proven: [...this.#proven.values()] }
  }

  carry(from: Carried): void {
    for (const [subscriber, number] of from.numbers) this.#count(subscriber, number)
    for (const instant of from.proven) this.#prove(instant)
  }

  /** The segment is gone. */
  drop(segment: number): void {
    this.#left.delete(segment)
  }

  /** The records, at most `limit`, that `segment` holds and that are needed still; written again, they move. */
  in(segment: number, limit: number): { record: JournalRecord; json: string }[] {
    const found: { record: JournalRecord; json: string }[] = []
    for (const kept of this.#leases.values()) {
      if (kept.segment !== segment) continue
      const record: JournalRecord = { type: 'lease.taken', at: kept.by, lease: kept.lease }
      if (found.push(written(record)) >= limit) return found
    }
    for (const kept of this.#calls.values()) {
      if (kept.segment === segment && found.push(written(kept.record())) >= limit) return found
    }
    for (const kept of this.#newest.values()) {
      if (kept.segment !== segment) continue
      if (found.push({ record: JSON.parse(kept.json), json: kept.json }) >= limit) return found
    }
    return found
  }

  /** These calls, each as a whole; those that are over are left out. */
  calls(ids: Iterable<Id<'call'>>): { record: JournalRecord & { type: 'call' }; json: string }[] {
    return [...ids].flatMap((id) => {
      const kept = this.#calls.get(id)
      return kept ? [written(kept.record())] : []
    })
  }

  /** What is there now, as copies. */
  replay(): Pick<Replay, 'leases' | 'calls' | 'registrations' | 'tolls' | 'eventNumbers' | 'lastProven'> {
    const proven = new Map(this.#proven)
    const boots = new Map(this.#boots)
    const holders = new Map([...this.#leases].map(([id, { by }]) => [id, by.boot]))
    const newest = [...this.#newest.values()].map(({ json }): JournalRecord => JSON.parse(json))
    return {
      leases: [...this.#leases.values()].map(({ lease }) => ({ ...lease })),
      calls: [...this.#calls].map(([call, kept]) => ({ call, state: kept.record().state })),
      registrations: newest.flatMap((record) => (record.type === 'registration' ? [record] : [])),
      tolls: newest.flatMap((record) => (record.type === 'toll' ? [record] : [])),
      eventNumbers: this.#eventNumbers(),
      lastProven(lease) {
        const boot = lease.call ? boots.get(lease.call) : holders.get(lease.id)
        const known = proven.get(boot ?? lease.taken.boot)
        return known ?? lease.answered ?? lease.taken
      },
    }
  }

  #numberOf(subscriber: Id<'sub'>): LastNumber {
    if (this.#counted.subscriber === subscriber) return this.#counted
    let last = this.#numbers.get(subscriber)
    if (!last) {
      last = { subscriber, number: 0 }
      this.#numbers.set(subscriber, last)
    }
    this.#counted = last
    return last
  }

  #count(subscriber: Id<'sub'>, number: number): void {
    const last = this.#numberOf(subscriber)
    if (number > last.number) last.number = number
  }

  #eventNumbers(): Map<Id<'sub'>, number> {
    return new Map([...this.#numbers.values()].flatMap(({ subscriber, number }) => (number > 0 ? [[subscriber, number]] : [])))
  }

  /** The process `boot` has written of the call. */
  #writes(call: Id<'call'>, boot: string): void {
    if (this.#boots.get(call) !== boot) this.#boots.set(call, boot)
  }

  #prove(at: Instant): void {
    if (at === this.#latest) return
    this.#latest = at
    const known = this.#proven.get(at.boot)
    if (!known || known.mono < at.mono) this.#proven.set(at.boot, at)
  }

  #renew(key: string, kept: Kept | null, line: number): void {
    const known = this.#newest.get(key)
    this.#leave(known, line)
    this.#bytes += (kept?.json.length ?? 0) - (known?.json.length ?? 0)
    if (kept) this.#newest.set(key, kept)
    else this.#newest.delete(key)
  }

  #leave(kept: { segment: number } | undefined, line: number): void {
    if (kept) this.#left.set(kept.segment, line)
  }

  #call(call: Id<'call'>, kept: KeptCall | null): void {
    this.#bytes += (kept?.length ?? 0) - (this.#calls.get(call)?.length ?? 0)
    if (kept === null) {
      this.#calls.delete(call)
      return
    }
    this.#calls.set(call, kept)
    this.#writes(call, kept.boot)
  }

  /** Drops the boots that nothing refers to any more. */
  #forget(): void {
    const calls = new Set([...this.#calls.keys(), ...[...this.#leases.values()].flatMap(({ lease }) => lease.call ?? [])])
    for (const call of this.#boots.keys()) if (!calls.has(call)) this.#boots.delete(call)
    const boots = new Set(this.#boots.values())
    for (const { lease, by } of this.#leases.values()) if (!lease.call) boots.add(by.boot)
    const last = [...this.#proven.keys()].at(-1)
    for (const boot of this.#proven.keys()) if (boot !== last && !boots.has(boot)) this.#proven.delete(boot)
  }
}

function written<R extends JournalRecord>(record: R): { record: R; json: string } {
  return { record, json: jsonOf(record, isShort(record)) }
}
