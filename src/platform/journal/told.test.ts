import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Id, newId } from '#lib/index.ts'
import type { JournalEntry, JournalRecord } from '#platform/words/index.ts'
import { acme, directoryOf, world } from './journal.fixture.ts'

test('what records have in common is said once in a line, and each is read out as it was', async (t) => {
  const directory = directoryOf(t)
  const w = world(directory)
  const other = newId('sub')
  const [a, b] = [w.lease(), w.lease()]
  const journal = await w.open()
  const said: JournalRecord[] = []
  const of = (call: Id<'call'> | undefined, subscriber = acme) => {
    const record = w.event(subscriber)
    if (call) record.event.call = call
    return record
  }
  const append = (record: JournalRecord) => {
    journal.append(record)
    if (!record.type.startsWith('call')) said.push(structuredClone(record))
  }
  const answered = (lease: Id<'lse'>): JournalRecord => ({ type: 'lease.answered', at: w.at(), lease })
  for (const turn of [0, 1, 2]) {
    // Another moment, call or subscriber within a turn, and turns that begin with what needs none of it.
    if (turn === 1) for (const { id } of [a, b]) append(answered(id))
    for (const lease of [a, b]) {
      append(of(lease.call))
      if (turn === 0) append({ type: 'lease.taken', at: w.at(), lease: { ...lease, taken: w.at() } })
      append(of(undefined))
      append(w.state(lease.call, { turn }))
      w.clock.turn(turn)
      append(of(lease.call))
      append(of(lease.call, other))
    }
    journal.flush()
  }
  append(w.released({ ...a, answered: w.at(), detail: { number: '+32 "1"' } }))
  append(w.released(b))
  await journal.sync()
  const read = journal.read(0, 100).entries.map(({ record }) => record)
  assert.deepEqual(read.slice(1), said)
  assert.deepEqual(
    JSON.parse(journal.readText(0, 100))
      .entries.map((entry: JournalEntry) => entry.record)
      .slice(1),
    said,
  )
  await journal.close()
  const again = await w.open()
  assert.deepEqual(again.replay().leases, [])
  assert.deepEqual(
    again.replay().calls.map(({ call, state }) => [call, state]),
    [a, b].map(({ call }) => [call, { turn: 2 }]),
  )
  assert.deepEqual([again.replay().eventNumbers.get(acme), again.replay().eventNumbers.get(other)], [18, 6])
  await again.close()
})
