import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { newId, silentLog, TurnedClock } from '#lib/index.ts'
import { parseMicros, priceOf, standardPlan, unitsOf } from '#platform/billing/index.ts'
import { openJournal } from '#platform/journal/index.ts'
import { afterwards } from '#platform/toll/gate.fixture.ts'
import { type Released, TollGate } from '#platform/toll/index.ts'
import type { Instant, Lease } from '#platform/words/index.ts'
import { releasedSince } from './released.ts'

test('B09 however many pay in advance, what the ledger has not heard of is read once when the switch starts', async () => {
  const clock = new TurnedClock()
  const subscribers = Array.from({ length: 50 }, (_, i) => ({
    ...{ id: newId('sub'), plan: 'ahead', prepaid: { balanceMicros: 1_000_000, position: 1000 + i, sinceMs: 0 } },
  }))
  const at = (seconds: number): Instant => ({ wall: clock.wall() + seconds * 1000, mono: seconds * 1000, boot: 'b0' })
  // A minute of each, around what the ledger has told of it.
  const journal: Released[] = subscribers.flatMap(({ id, prepaid: { position } }) =>
    [position, position + 1].map((position): Released => {
      const lease: Lease = { id: newId('lse'), subscriber: id, kind: 'trunk.in', count: 1, call: newId('call'), taken: at(0) }
      return { position, lease: { ...lease, answered: at(0), released: at(60) } }
    }),
  )
  const read: number[] = []
  const gate = new TollGate({
    ...{ clock, boot: 'b1', pricing: { units: unitsOf, price: priceOf, micros: parseMicros } },
    ...{ record() {}, warn() {}, cut() {}, leases: () => [] },
    released(after) {
      read.push(after)
      return afterwards(journal.filter(({ position }) => position > after))
    },
  })
  gate.configure({ tariffs: [{ plan: 'ahead', rates: standardPlan.rates }], subscribers })
  await gate.restore([], [])
  assert.deepEqual(read, [1000])
  assert.deepEqual(
    gate.balances().map(({ leftMicros }) => leftMicros),
    subscribers.map(() => 994_000),
  )
})

test('B09 what stands in the journal is read some at a time, up to where it ended when that began, and others have their turn', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tieline-released-'))
  t.after(() => rmSync(directory, { recursive: true }))
  await using journal = await openJournal({ directory, clock: new TurnedClock(), boot: 'b', node: 'n', log: silentLog })
  const at = { wall: 0, mono: 0, boot: 'b' }
  const over: Lease = { id: newId('lse'), subscriber: newId('sub'), kind: 'trunk.in', count: 1, call: newId('call'), taken: at }
  const release = () => journal.append({ type: 'lease.released', at, lease: { ...over, released: at } })
  const before = release()
  for (let i = 0; i < 25_000; i++) release()
  let turns = 0
  const turn = setInterval(() => turns++, 0)
  let most = 0
  const positions: number[] = []
  for await (const some of releasedSince(journal, before)) {
    release()
    most = Math.max(most, some.length)
    positions.push(...some.map(({ position }) => position))
  }
  clearInterval(turn)
  assert.deepEqual([positions[0], positions.at(-1), positions.length], [before + 1, before + 25_000, 25_000])
  assert.ok(most <= 10_000 && turns > 0, `${most} at a time, ${turns} turns`)
})
