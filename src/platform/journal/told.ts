import type { Common, Instant, JournalRecord } from '#platform/words/index.ts'
import type { Octets } from './octets.ts'

/** Stands before the words below, and before no record. */
const SIGN = 0x40
const BLANK = 0x20
const TAB = 0x09
const NOBODY = '-'

/**
 * What the records of a line have in common is said in words of its own, which stand before them: `@<wall> <mono> <boot> <subscriber> <call>`, and
 * `@<wall> <mono>` where no more of it is another. A line can be read by itself.
 */
export class CommonWriting {
  #at: Instant | null = null
  #subscriber = NOBODY
  #call = NOBODY

  /** Another line begins. */
  forget(): void {
    this.#at = null
  }

  /** Says what is to be said before this record, in few words, can follow. */
  before(record: JournalRecord, octets: Octets): void {
    const { at } = record
    const last = this.#at
    const known = this.#isOf(record) && last !== null && last.boot === at.boot
    if (known && last === at) return
    this.#at = at
    octets.byte(SIGN)
    octets.number(at.wall)
    octets.byte(BLANK)
    octets.number(at.mono)
    if (!known) {
      octets.byte(BLANK)
      octets.word(at.boot)
      octets.byte(BLANK)
      octets.word(this.#subscriber)
      octets.byte(BLANK)
      octets.word(this.#call)
    }
    octets.byte(TAB)
  }

  /** Whether it is of whom was told last; then it is of whom will be told. */
  #isOf(record: JournalRecord): boolean {
    switch (record.type) {
      case 'event':
        return this.#tells(record.event.subscriber, record.event.call)
      case 'lease.taken':
      case 'lease.released':
        return this.#tells(record.lease.subscriber, record.lease.call)
      case 'call':
      case 'call.changed':
        if (record.call === this.#call) return true
        return this.#tells(NOBODY, record.call)
      default:
        return true
    }
  }

  #tells(subscriber: string, call: string = NOBODY): boolean {
    if (subscriber === this.#subscriber && call === this.#call) return true
    this.#subscriber = subscriber
    this.#call = call
    return false
  }
}

/** A record as it stands in a line, and what it has in common with those before it: {@link wholeText} makes its JSON of both. */
export interface WrittenRecord {
  text: string
  common: Common
}

const NOTHING: Common = { wall: '0', mono: '0', boot: '', subscriber: '', call: '' }

/** The records among the words of a line. */
export function recordsIn(words: readonly string[]): WrittenRecord[] {
  const records: WrittenRecord[] = []
  let common = NOTHING
  for (const text of words) {
    if (text.charCodeAt(0) === SIGN) common = commonOf(text, common)
    else records.push({ text, common })
  }
  return records
}

function commonOf(text: string, before: Common): Common {
  const blank = text.indexOf(' ')
  const wall = text.slice(1, blank)
  const afterMono = text.indexOf(' ', blank + 1)
  if (afterMono < 0) return { ...before, wall, mono: text.slice(blank + 1) }
  const [boot = '', subscriber = '', call = ''] = text.slice(afterMono + 1).split(' ')
  return { wall, mono: text.slice(blank + 1, afterMono), boot, subscriber, call }
}
