import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ENCODE } from '#protocol/audio/index.ts'
import { RecordingLimit } from './recording.ts'
import { Timeline } from './timeline.ts'

const loud = new Uint8Array(160).fill(ENCODE.PCMU[5000]!)

/** Pushes 20 ms packets by `plan` and takes everything out as a sweep would. Where sound is, in ms from the start. */
function lay(plan: { at: number; timestamp: number; ssrc?: number }[], ms: number) {
  const timeline = new Timeline(0)
  const out: number[] = []
  const queue = [...plan].sort((a, b) => a.at - b.at)
  for (let now = 0; now <= ms; now += 10) {
    while (queue[0] && queue[0].at <= now) {
      const { at, timestamp, ssrc = 1 } = queue.shift()!
      timeline.push(ssrc, timestamp, 'PCMU', loud, 0, 160, at)
    }
    if (now % 50 === 0) out.push(...timeline.pull(now, false))
  }
  out.push(...timeline.pull(ms, true))
  assert.equal(out.length, ms * 8)
  const edges: number[] = []
  out.forEach((sample, i) => {
    if ((sample !== 0) !== ((out[i - 1] ?? 0) !== 0)) edges.push(i / 8)
  })
  return edges
}

const steady = (count: number, first = 0) => Array.from({ length: count }, (_, i) => ({ at: first + i * 20, timestamp: i * 160 }))

test('M11 sound lies where its timestamps say, late and swapped packets too', () => {
  const plan = steady(50).map((packet, i) => ({ ...packet, at: packet.at + (i % 5 === 1 ? 60 : 0) }))
  assert.deepEqual(lay(plan, 1500), [0, 1000])
})

test('M11 a lost packet is 20 ms of silence and shifts nothing', () => {
  assert.deepEqual(
    lay(
      steady(50).filter((_, i) => i !== 10),
      1200,
    ),
    [0, 200, 220, 1000],
  )
})

test('M11 a gap of 5 s shifts nothing', () => {
  const plan = [...steady(10), ...steady(10).map(({ at, timestamp }) => ({ at: at + 5200, timestamp: timestamp + 5200 * 8 }))]
  assert.deepEqual(lay(plan, 6000), [0, 200, 5200, 5400])
})

test('M05 a new SSRC, or a jump of timestamps, is put where the clock is', () => {
  const plan = [
    ...steady(10),
    ...steady(10).map(({ at, timestamp }) => ({ at: at + 500, timestamp: timestamp + 3_000_000_000, ssrc: 2 })),
  ]
  assert.deepEqual(lay(plan, 1000), [0, 200, 500, 700])
  const jump = [...steady(10), ...steady(10).map(({ at, timestamp }) => ({ at: at + 500, timestamp: timestamp + 3_000_000_000 }))]
  assert.deepEqual(lay(jump, 1000), [0, 200, 500, 700])
})

test('M11 a clock that is wrong by 200 ppm for an hour never shifts by more than 100 ms', () => {
  const timeline = new Timeline(0)
  let worst = 0
  let taken = 0
  for (let i = 0; i < 180_000; i += 1) {
    const now = i * 20 * 1.0002
    timeline.push(1, i * 160, 'PCMU', loud, 0, 160, now)
    if (i % 3 === 0) taken += timeline.pull(now, false).length
    worst = Math.max(worst, Math.abs(now * 8 - 960 - taken))
  }
  assert.ok(worst < 1600)
})

test('a stall of the loop longer than the buffer is silence', () => {
  const timeline = new Timeline(0)
  timeline.push(1, 0, 'PCMU', loud, 0, 160, 0)
  assert.equal(timeline.pull(10_000, false).length, 80_000 - 960)
  assert.equal(timeline.pull(10_000, true).length, 960)
})

test('a recording ends exactly at its longest, or when it was silent for long enough', () => {
  const loudPcm = new Int16Array(400).fill(5000)
  const limit = new RecordingLimit(100, 0)
  assert.deepEqual(limit.take(loudPcm), { keep: 400, end: null })
  assert.deepEqual(limit.take(loudPcm), { keep: 400, end: 'max' })
  const quiet = new RecordingLimit(10_000, 100)
  assert.deepEqual(quiet.take(new Int16Array(640)), { keep: 640, end: null })
  assert.deepEqual(quiet.take(loudPcm), { keep: 400, end: null })
  assert.deepEqual(quiet.take(new Int16Array(1600)), { keep: 800, end: 'silence' })
})
