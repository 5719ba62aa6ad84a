import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ENCODE } from '#protocol/audio/index.ts'
import { RecordingLimit } from './recording-limit.ts'
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

test('M11 a clock that is wrong by 200 ppm either way is followed: after an hour sound is off by less than 40 ms', () => {
  const quiet = new Uint8Array(160).fill(ENCODE.PCMU[0]!)
  for (const rate of [1.0002, 0.9998]) {
    const timeline = new Timeline(0)
    let before = 0
    let last: Int16Array = new Int16Array(0)
    const marked = 179_980
    for (let i = 0; i <= 180_000; i++) {
      timeline.push(1, i * 160, 'PCMU', i === marked ? loud : quiet, 0, 160, i * 20 * rate)
      if (i % 3 > 0) continue
      const out = timeline.pull(i * 20 * rate, false)
      if (last.every((sample) => sample === 0)) {
        before += last.length
        last = out
      }
    }
    const at = (before + last.findIndex((sample) => sample !== 0)) / 8
    assert.ok(Math.abs(at - marked * 20 * rate) < 40, `${at - marked * 20 * rate} ms off`)
  }
})

test('M11 a first packet that is late costs a few ms once, not every packet its place', () => {
  const plan = steady(500).map((packet, i) => ({ ...packet, at: i === 0 ? 150 : Math.max(packet.at, 150) }))
  assert.deepEqual(lay(plan, 12_000).slice(0, 1), [150])
  assert.ok(lay(plan, 12_000).at(-1)! < 10_160)
})

test('whoever listens live soon waits no longer for every packet because the first one was late', () => {
  const timeline = new Timeline(0, { open: 320, live: true })
  let at = -1
  for (let i = 0; i < 100; i++) {
    const now = i * 20 + (i === 0 ? 15 : 0)
    timeline.push(1, i * 160, 'PCMU', i === 50 ? loud : new Uint8Array(160).fill(ENCODE.PCMU[0]!), 0, 160, now)
    for (let tick = now; tick < (i + 1) * 20; tick++) {
      if (at < 0 && timeline.pull(tick, false).some((sample) => sample !== 0)) at = tick
    }
  }
  assert.equal(at, 50 * 20 + 41)
})

test('a stall of the loop longer than the buffer is silence', () => {
  const timeline = new Timeline(0)
  timeline.push(1, 0, 'PCMU', loud, 0, 160, 0)
  assert.equal(timeline.pull(10_000, false).length, 80_000 - 2560)
  assert.equal(timeline.pull(10_000, true).length, 2560)
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

test('a pause leaves out what is heard in it, and nothing of what was heard just before', () => {
  const timeline = new Timeline(0)
  const ramp = (from: number) => Uint8Array.from({ length: 160 }, () => ENCODE.PCMU[from]!)
  const out: number[] = []
  for (let now = 0; now < 1000; now += 20) {
    timeline.push(1, now * 8, 'PCMU', ramp(1000 + now * 20), 0, 160, now)
    if (now === 400) timeline.pause(now, true)
    if (now === 600) timeline.pause(now, false)
    if (now % 60 === 0) out.push(...timeline.pull(now, false))
  }
  out.push(...timeline.pull(1000, true))
  assert.equal(out.length, 800 * 8)
  const at = (ms: number) => out[ms * 8]!
  assert.ok(Math.abs(at(390) - (1000 + 380 * 20)) < 600, 'the last that was said before the pause is there')
  assert.ok(Math.abs(at(410) - (1000 + 600 * 20)) < 600, 'then what was said after it')
})
