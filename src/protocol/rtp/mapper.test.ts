import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { StreamMapper, sequenceDelta, timestampDelta } from './index.ts'

const fields = ({ marker, sequence, timestamp }: StreamMapper) => ({ marker, sequence, timestamp })

test('loss and order of a relayed source show through', () => {
  const out = new StreamMapper(1, 500, 9000)
  out.map(7, 65_534, 1000, false, 0)
  assert.deepEqual(fields(out), { marker: true, sequence: 501, timestamp: 9000 })
  out.map(7, 1, 1480, false, 60) // two are lost
  assert.deepEqual(fields(out), { marker: false, sequence: 504, timestamp: 9480 })
  out.map(7, 0, 1320, false, 61) // one comes late
  assert.deepEqual(fields(out), { marker: false, sequence: 503, timestamp: 9320 })
  out.map(7, 2, 1640, false, 80)
  assert.deepEqual(fields(out), { marker: false, sequence: 505, timestamp: 9640 })
})

test('a new SSRC with numbers far behind goes on at once, marked (M05, M06)', () => {
  const out = new StreamMapper(1, 500, 9000)
  out.map(7, 9000, 1_000_000, false, 0)
  out.map(7, 9001, 1_000_160, false, 20)
  out.map(8, 1000, 400, false, 1020)
  assert.deepEqual(fields(out), { marker: true, sequence: 503, timestamp: 9160 + 8000 })
})

test('the same SSRC with a jump of numbers or time goes on at once (M05)', () => {
  for (const [sequence, timestamp] of [
    [8000 - 8000, 161_000],
    [8001, 0],
    [8001, 3_000_000_000],
  ] as const) {
    const out = new StreamMapper(1, 500, 9000)
    out.map(7, 8000, 160_840, false, 0)
    out.map(7, sequence, timestamp, false, 40)
    assert.deepEqual(fields(out), { marker: true, sequence: 502, timestamp: 9320 })
  }
})

test('silence that the source suppressed is no jump', () => {
  const out = new StreamMapper(1, 500, 9000)
  out.map(7, 1, 0, true, 0)
  out.map(7, 2, 80_000, true, 10_000)
  assert.deepEqual(fields(out), { marker: true, sequence: 502, timestamp: 89_000 })
})

test('after a long key press sound goes on where the press has ended', () => {
  const out = new StreamMapper(1, 500, 9000)
  const start = out.startingAt(160, 0)
  for (let i = 0; i < 100; i++) out.at(start, i === 0, i * 20)
  out.next(160, true, 2000)
  assert.equal(out.timestamp, 9000 + 16_000)
})

test('timestamps never go back between sources, whatever comes (M06)', () => {
  const step = fc.record({
    kind: fc.constantFrom('relay', 'own', 'restart'),
    ssrc: fc.nat(3),
    sequence: fc.nat(0xffff),
    timestamp: fc.nat(0xffffffff),
    ms: fc.integer({ min: 1, max: 200 }),
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 60 }), (steps) => {
      const out = new StreamMapper(1, 65_000, 0xfffff000)
      let now = 0
      let last: { sequence: number; timestamp: number } | null = null
      for (const { kind, ssrc, sequence, timestamp, ms } of steps) {
        now += ms
        if (kind === 'relay') out.map(ssrc, sequence, timestamp, false, now)
        else out.next(160, kind === 'restart', now)
        if (last && out.marker) {
          assert.ok(sequenceDelta(out.sequence, last.sequence) === 1)
          assert.ok(timestampDelta(out.timestamp, last.timestamp) > 0)
        }
        // The newest of each: a packet may be late by its number and later by its time.
        last = last
          ? {
              timestamp: timestampDelta(out.timestamp, last.timestamp) > 0 ? out.timestamp : last.timestamp,
              sequence: sequenceDelta(out.sequence, last.sequence) > 0 ? out.sequence : last.sequence,
            }
          : fields(out)
      }
    }),
  )
})

test('M16 a packet that is not passed on leaves no hole, and one that comes late keeps its own number', () => {
  const out = new StreamMapper(1, 500, 9000)
  const sequences = [10, 11, 13].map((sequence) => {
    out.map(7, sequence, sequence * 160, false, sequence * 20)
    return out.sequence
  })
  assert.deepEqual(sequences, [501, 502, 504])
  out.leaveOut(7, 14)
  out.map(7, 15, 15 * 160, true, 300)
  assert.equal(out.sequence, 505)
  out.map(7, 12, 12 * 160, false, 301) // it was late, and fills the place that was kept for it
  assert.equal(out.sequence, 503)
  out.leaveOut(8, 16) // of another stream
  out.map(7, 16, 16 * 160, false, 320)
  assert.equal(out.sequence, 506)
})

test('M16 minutes behind a packet that was not passed on, numbers still go on one by one', () => {
  const out = new StreamMapper(1, 500, 9000)
  out.map(7, 10, 1600, false, 0)
  out.leaveOut(7, 11)
  for (let i = 1; i < 140_000; i++) {
    const before = out.sequence
    out.map(7, (11 + i) & 0xffff, 1600 + 160 * (i + 1), false, 20 * (i + 1))
    if (out.sequence !== ((before + 1) & 0xffff)) assert.fail(`packet ${i}: ${before}, then ${out.sequence}`)
  }
})

test('M06 a source that was not sent during a hold goes on marked, by the clock, and without a hole in the numbers', () => {
  const out = new StreamMapper(1, 500, 9000)
  out.map(7, 10, 1600, false, 0)
  out.interrupt()
  out.map(7, 510, 81_600, false, 10_000)
  assert.deepEqual(fields(out), { marker: true, sequence: 502, timestamp: 89_000 })
})

test('M06 a thousand changes of source, more quickly than frames, do not bring the stream before the clock for ever', () => {
  const out = new StreamMapper(1, 500, 9000)
  let now = 0
  out.map(7, 10, 1600, false, now)
  for (let i = 0; i < 1000; i++) {
    now += i % 4 === 3 ? 60 : 10
    out.map(i % 2, 10 + i, 1600 + 160 * i, false, now)
  }
  const ahead = timestampDelta(out.timestamp, 9000) / 8 - now
  assert.ok(Math.abs(ahead) <= 60, `${ahead} ms`)
})
