import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import type { Instant, JournalEntry, Lease } from '#platform/words/index.ts'
import { usageOf } from './fold.ts'

const T0 = Date.UTC(2026, 10, 23, 10)
const at = (ms: number, boot = 'b1', step = 0): Instant => ({ wall: T0 + ms + step, mono: ms, boot })

function lease(more: Partial<Lease> = {}): Lease {
  return { id: newId('lse'), subscriber: newId('sub'), kind: 'trunk.in', count: 1, call: newId('call'), taken: at(0), ...more }
}

let position = 0
const released = (l: Lease, when: Instant, review?: boolean): JournalEntry => ({
  position: ++position,
  record: { type: 'lease.released', at: when, lease: { ...l, released: when, reason: 'hangup' }, ...(review ? { review } : {}) },
})

test('26 s of ringing and 1 s of talk is 1 s of usage (B01)', () => {
  const [usage] = usageOf([released(lease({ answered: at(26_000) }), at(27_000))])
  assert.equal(usage?.billableMs, 1000)
  assert.equal(usage?.takenAt, '2026-11-23T10:00:00.000Z')
  assert.equal(usage?.answeredAt, '2026-11-23T10:00:26.000Z')
  assert.equal(usage?.releasedAt, '2026-11-23T10:00:27.000Z')
})

test('what was never answered is a record without billable time, however it ended (B04)', () => {
  for (const reason of ['cancelled', 'busy', 'no-answer', 'rejected', 'crash']) {
    const entry = released(lease(), at(30_000))
    assert(entry.record.type === 'lease.released')
    entry.record.lease.reason = reason
    assert.deepEqual(
      usageOf([entry]).map((u) => [u.billableMs, u.answeredAt, u.reason]),
      [[0, null, reason]],
    )
  }
})

test('a kind that is billable from its taking needs no answer', () => {
  const { call: _, ...rest } = lease({ kind: 'agent.memory', count: 256, agent: newId('agt') })
  const [usage] = usageOf([released(rest, at(3_600_000))])
  assert.equal(usage?.billableMs, 3_600_000)
  assert.equal(usage?.count, 256)
  assert.deepEqual([usage?.agent, 'call' in usage!], [rest.agent, false], 'it is the agent’s, and no call’s')
})

test('a step of the wall clock during the call changes no duration (B11)', () => {
  for (const step of [3_600_000, -3_600_000]) {
    const [usage] = usageOf([released(lease({ answered: at(1000) }), at(61_000, 'b1', step))])
    assert.equal(usage?.billableMs, 60_000)
  }
})

test('a call that a restart carried over is measured by the wall clock, and never negative', () => {
  const carried = lease({ answered: at(50_000, 'b1') })
  assert.equal(usageOf([released(carried, { wall: T0 + 80_000, mono: 7, boot: 'b2' })])[0]?.billableMs, 30_000)
  assert.equal(usageOf([released(carried, { wall: T0, mono: 7, boot: 'b2' })])[0]?.billableMs, 0)
})

test('a lease that a crash closed ends at the last proven moment and is marked for review (B07, B14)', () => {
  const [usage] = usageOf([released(lease({ kind: 'voice.speech', answered: at(1000) }), at(4000), true)])
  assert.deepEqual([usage?.billableMs, usage?.review], [3000, true])
})

test('entries may come again, in any order and in parts: one record for each lease (B02)', () => {
  const l = lease({ answered: at(1000) })
  const end = released(l, at(5000))
  const taken: JournalEntry = { position: 1, record: { type: 'lease.taken', at: at(0), lease: l } }
  const answered: JournalEntry = { position: 2, record: { type: 'lease.answered', at: at(1000), lease: l.id } }
  const whole = usageOf([taken, answered, end])
  assert.equal(whole.length, 1)
  assert.deepEqual(usageOf([end, end, taken, end, answered]), whole)
  assert.deepEqual(usageOf([end]), whole)
  assert.deepEqual(usageOf([taken, answered]), [])
})
