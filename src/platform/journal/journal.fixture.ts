import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Id, newId, silentLog, TurnedClock } from '#lib/index.ts'
import { type CallLease, instantOf, type JournalRecord, type Lease, type PlatformEvent } from '#platform/words/index.ts'
import type { JournalOptions } from './journal.ts'
import { openJournal } from './open.ts'

export const acme = newId('sub')

export function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tieline-journal-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A journal in a directory, by a clock that is turned, and what is written into it. */
export function world(directory: string) {
  const clock = new TurnedClock()
  let boots = 0
  const open = (more: Partial<JournalOptions> = {}) =>
    openJournal({ directory, clock, boot: `b${++boots}`, node: 'n1', log: silentLog, reserveBytes: 1024, ...more })
  const at = () => instantOf(clock, `b${boots}`)
  const lease = (call: Id<'call'> = newId('call')): CallLease => ({
    id: newId('lse'),
    subscriber: acme,
    kind: 'trunk.in',
    count: 1,
    call,
    taken: at(),
  })
  const taken = (of: Lease): JournalRecord => ({ type: 'lease.taken', at: at(), lease: of })
  const released = (of: Lease): JournalRecord => ({
    type: 'lease.released',
    at: at(),
    lease: { ...of, released: at(), reason: 'hangup' },
  })
  const event = (subscriber = acme): JournalRecord & { type: 'event' } => {
    const event: PlatformEvent = {
      id: newId('evt'),
      subscriber,
      number: 0,
      at: new Date(clock.wall()).toISOString(),
      type: 'call.offered',
      data: {},
    }
    return { type: 'event', at: at(), event }
  }
  const state = (call: Id<'call'>, value: unknown): JournalRecord => ({ type: 'call', at: at(), call, state: value })
  return { clock, open, at, lease, taken, released, event, state }
}
