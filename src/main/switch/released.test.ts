import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, TurnedClock } from '#lib/index.ts'
import { parseMicros, priceOf, standardPlan, unitsOf } from '#platform/billing/index.ts'
import { type Released, TollGate } from '#platform/toll/index.ts'
import type { Instant, Lease } from '#platform/words/index.ts'

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
      return Promise.resolve(journal.filter(({ position }) => position > after))
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
