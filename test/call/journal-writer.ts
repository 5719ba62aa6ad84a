import { writeSync } from 'node:fs'
import { newId, silentLog, systemClock } from '#lib/index.ts'
import { openJournal } from '#platform/journal/index.ts'
import { ResourceRegistry } from '#platform/resource/index.ts'
import { instantOf } from '#platform/words/index.ts'

/**
 * A process that takes leases, answers and gives back some, and says on standard output what it has flushed, until it is
 * killed. Its argument is the journal's directory.
 */
const journal = await openJournal({
  directory: process.argv[2]!,
  clock: systemClock,
  boot: `pid${process.pid}`,
  node: 'n1',
  log: silentLog,
})
const registry = new ResourceRegistry({ clock: systemClock, boot: journal.boot, record: (record) => void journal.append(record) })
const subscriber = newId('sub')
registry.configure({
  capacities: [{ kind: 'trunk.in', capacity: 1e6 }],
  subscribers: [{ id: subscriber, allocations: [{ kind: 'trunk.in', guaranteed: 0, ceiling: 1e6 }] }],
  trunks: [],
})
for (let i = 0; ; i++) {
  const hold = registry.hold({ subscriber, call: newId('call'), demands: [{ kind: 'trunk.in', count: 1 }] })
  hold.answered()
  const over = i % 3 === 0
  if (over) hold.release('hangup')
  const call = hold.leases[0]!.call!
  journal.append({ type: 'call', at: instantOf(systemClock, journal.boot), call, state: over ? null : { call } })
  journal.flush()
  // Straight to the descriptor: what was said has been written before.
  writeSync(1, `${JSON.stringify({ lease: hold.ids[0], over })}\n`)
  if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
}
