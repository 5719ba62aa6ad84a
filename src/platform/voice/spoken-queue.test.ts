import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SpokenQueue, STREAM_QUEUE } from './spoken-queue.ts'

const FRAME = 160

/** A sine of 200 Hz whose place in time can be told by nothing but its phase, so that a click is a step. */
function sound(from: number, samples: number): Int16Array {
  return Int16Array.from({ length: samples }, (_, i) => Math.round(10_000 * Math.sin((2 * Math.PI * 200 * (from + i)) / 8000)))
}

/** A program that writes a frame every 20 ms, and once, at `stallAt`, all at once after `stallMs`; what is queued over time. */
function talk(queue: SpokenQueue, seconds: number, stallAt = -1, stallMs = 0) {
  const into = new Int16Array(FRAME)
  const queued: number[] = []
  const heard: number[] = []
  let written = 0
  let speaking = false
  for (let now = 0; now < seconds * 1000; now += 20) {
    const stalled = now >= stallAt && now < stallAt + stallMs
    if (!stalled) {
      while (written * 20 <= now) queue.push(sound(written++ * FRAME, FRAME), now)
      speaking = true
    }
    if (now === 0) continue
    if (!speaking) continue
    const had = queue.pull(into, FRAME, now + 10)
    if (had === 0) speaking = false
    heard.push(...into)
    queued.push(queue.queued)
  }
  return { queued, heard }
}

test('all that is said is heard, late if need be', () => {
  const queue = new SpokenQueue(false)
  const { queued } = talk(queue, 10, 2000, 300)
  assert.ok(queued.at(-1)! > 13 * FRAME, 'what the stall has left is still in the queue')
  assert.equal(queue.skipped, 0)
})

test('live, a stall of 300 ms is heard once, and makes nothing late after it', () => {
  const queue = new SpokenQueue(true)
  const { queued, heard } = talk(queue, 10, 2000, 300)
  assert.ok(queued.at(-1)! <= FRAME, `${queued.at(-1)} samples are left`)
  assert.ok(queue.skipped > 0)
  const steps = heard.slice(1).map((sample, i) => Math.abs(sample - heard[i]!))
  const afterStall = steps.slice(8 * 2400)
  assert.ok(Math.max(...afterStall) < 2 * 10_000 * 2 * Math.PI * (200 / 8000), 'no click')
})

test('live, far too much is cut at once', () => {
  const queue = new SpokenQueue(true)
  queue.push(sound(0, 10_000), 0)
  queue.pull(new Int16Array(FRAME), FRAME, 20)
  assert.ok(queue.queued <= 480)
  assert.equal(queue.gone + queue.queued, 10_000)
})

test('live, a program that is often late is given more time, and less again when it is not', () => {
  const queue = new SpokenQueue(true)
  assert.equal(queue.leadMs, 10)
  const into = new Int16Array(FRAME)
  for (let i = 0; i < 4; i++) {
    queue.push(sound(0, 100), i * 100)
    queue.pull(into, FRAME, i * 100 + 20)
    queue.push(sound(0, FRAME), i * 100 + 50)
    queue.pull(into, FRAME, i * 100 + 60)
  }
  assert.equal(queue.leadMs, 60)
  talk(queue, 60)
  assert.ok(queue.leadMs < 25, `${queue.leadMs}`)
})

test('what is cleared is gone, and the next sound begins anew', () => {
  const queue = new SpokenQueue(false)
  queue.push(sound(0, STREAM_QUEUE + 500), 0)
  assert.equal(queue.queued, STREAM_QUEUE, 'more than fits is lost')
  assert.equal(queue.clear(), STREAM_QUEUE)
  assert.equal(queue.queued, 0)
  queue.push(sound(0, FRAME), 20)
  const into = new Int16Array(FRAME)
  assert.equal(queue.pull(into, FRAME, 40), FRAME)
  assert.deepEqual(into, sound(0, FRAME))
})
