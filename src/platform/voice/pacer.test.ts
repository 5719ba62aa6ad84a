import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pacer } from './pacer.ts'
import { PcmSource, Reframer } from './source.ts'

/** Runs a pacer for `ms`, looked at every `step(now)` ms; when packets left and what was skipped. */
function run(frameMs: number, ms: number, step: (now: number) => number) {
  const pacer = new Pacer(frameMs, 0)
  const bursts: number[] = []
  let skipped = 0
  let packets = 0
  for (let now = 0; now < ms; now += step(now)) {
    let burst = 0
    while (pacer.take(now)) burst++
    skipped += pacer.skippedMs
    packets += burst
    bursts.push(burst)
  }
  return { packets, skipped, longest: Math.max(...bursts) }
}

test('M07 late looks do not drift: a minute is 3,000 packets', () => {
  const { packets, skipped } = run(20, 60_000, () => 21.3)
  assert.equal(skipped, 0)
  assert.ok(Math.abs(packets - 3000) <= 1, `${packets}`)
})

test('M07 held up for 100 ms every second: no burst over 3, and the stream keeps the time', () => {
  const { packets, skipped, longest } = run(20, 60_000, (now) =>
    Math.floor(now / 1000) !== Math.floor((now + 5) / 1000) ? 100 : 5,
  )
  assert.ok(longest <= 3)
  assert.ok(skipped > 0)
  assert.ok(Math.abs(packets * 20 + skipped - 60_000) <= 20, `${packets * 20 + skipped} ms`)
})

test('M07 after a burst of three the next packet comes half a frame later at least', () => {
  for (let stall = 60; stall < 200; stall++) {
    const pacer = new Pacer(20, 0)
    while (pacer.take(stall));
    assert.ok(pacer.due >= stall + 10 && pacer.due <= stall + 30, `${pacer.due} after ${stall}`)
    assert.equal(pacer.due % 20, 0)
  }
})

test('a prompt is played to its last sample, and begins again when it loops', () => {
  const source = new PcmSource({ pcm: Int16Array.from({ length: 100 }, (_, i) => i * 100), samples: 250 })
  const pcm = new Int16Array(400)
  assert.equal(source.pull(pcm, 160), 160)
  assert.equal(pcm[0], pcm[100])
  assert.equal(source.ended, false)
  assert.equal(source.pull(pcm, 160), 90)
  assert.ok(source.ended)
  assert.ok(pcm.subarray(90, 160).every((sample) => sample === 0))
  assert.equal(source.playedMs, 250 / 8)
  assert.ok(new PcmSource({ pcm: new Int16Array(0), samples: Number.POSITIVE_INFINITY }).ended, 'nothing without end is nothing')
})

test('S52 packets of 30 ms become packets of 20 ms without a lost or doubled sample', () => {
  const reframer = new Reframer(320)
  const sent: number[] = []
  const into = new Uint8Array(160)
  let value = 0
  for (let ms = 0; ms < 3000; ms += 10) {
    if (ms % 30 === 0) {
      reframer.push(
        Uint8Array.from({ length: 240 }, () => value++ & 0xff),
        0,
        240,
      )
    }
    if (ms % 20 === 0 && reframer.pull(into, 0, 160) > 0) sent.push(...into)
  }
  assert.ok(sent.length > 22_000)
  assert.ok(sent.every((byte, i) => byte === (i & 0xff)))
})

test('S52 a sender with a fast clock never fills the buffer beyond 200 ms', () => {
  const reframer = new Reframer(320)
  for (let i = 0; i < 1000; i++) reframer.push(new Uint8Array(240), 0, 240)
  assert.ok(reframer.held <= 1600)
})
