import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { JitterBuffer } from './jitter.ts'

/** Sends packets `from`–`to` of 20 ms, each `delays(n)` ms late, and takes one every 20 ms. What was played, by number; −1 lost, −2 nothing. */
function play(count: number, arrivals: (n: number) => number[], drift = 1, takes = count + 20) {
  const buffer = new JitterBuffer()
  const events = Array.from({ length: count }, (_, n) => arrivals(n).map((late) => ({ at: n * 20 * drift + late, n }))).flat()
  events.sort((a, b) => a.at - b.at)
  const played: number[] = []
  const waits: number[] = []
  let i = 0
  for (let round = 0; round < takes; round++) {
    const now = round * 20 + 7
    for (; events[i] && events[i]!.at <= now; i++) put(buffer, events[i]!.n, events[i]!.at)
    const step = buffer.surplus ? 2 : 1
    for (let k = 0; k < step; k++) {
      const got = buffer.take(now)
      if (got === 'packet') waits.push(now - buffer.arrivedAt)
      played.push(
        got === 'packet' ? buffer.bytes[buffer.start]! | (buffer.bytes[buffer.start + 1]! << 8) : got === 'lost' ? -1 : -2,
      )
    }
  }
  return { played, buffer, waits }
}

function put(buffer: JitterBuffer, n: number, at: number, over: { ssrc?: number; shift?: number; stamp?: number } = {}) {
  const bytes = Uint8Array.of(n & 0xff, n >> 8)
  const { ssrc = 1, shift = 65_500, stamp = 0xffff_f000 } = over
  const packet = {
    ssrc,
    sequence: (n + shift) & 0xffff,
    timestamp: (n * 160 + stamp) >>> 0,
    payloadType: 0,
    payloadStart: 0,
    payloadLength: 2,
  }
  buffer.put(packet, bytes, at)
}

const sound = (played: number[]) => played.filter((n) => n >= 0)
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

test('M16 whatever order, delay below the wait and repetition: all is played once, in order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.boolean()), { minLength: 30, maxLength: 200 }), (ways) => {
      const { played } = play(ways.length, (n) => {
        const [late, twice] = ways[n]!
        return twice ? [late, late + 9] : [late]
      })
      assert.deepEqual(sound(played), upTo(ways.length))
    }),
    { numRuns: 100 },
  )
})

test('what never comes is lost in its place, once', () => {
  const { played, buffer } = play(100, (n) => (n % 10 === 5 ? [] : [0]))
  const from = played.findIndex((n) => n >= 0)
  assert.deepEqual(
    played.slice(from, from + 100),
    upTo(100).map((n) => (n % 10 === 5 ? -1 : n)),
  )
  assert.equal(buffer.lost, 10)
})

test('the wait grows with the jitter, and nothing is late any more', () => {
  const { buffer, played } = play(1000, (n) => [n % 7 === 0 ? 110 : 0])
  assert.ok(buffer.waitMs > 80 && buffer.waitMs <= 200, `${buffer.waitMs}`)
  const tail = sound(played).filter((n) => n >= 800)
  assert.deepEqual(tail, upTo(1000).slice(800))
})

test('a sender whose clock is fast or slow by 200 ppm is followed for an hour', () => {
  for (const drift of [1 - 2e-4, 1 + 2e-4]) {
    const { waits, buffer, played } = play(180_000, () => [0], drift, Math.floor(180_000 * drift))
    assert.ok(Math.max(...waits.slice(-1000)) < 100, `${drift}: ${Math.max(...waits.slice(-1000))}`)
    const skipped = played.filter((n) => n === -2).length
    assert.ok(skipped < 60 && buffer.late < 60 && buffer.lost < 60, `${skipped} ${buffer.late} ${buffer.lost}`)
  }
})

test('M05 another SSRC, or jumps of sequence and timestamp under the same one: sound goes on within 200 ms', () => {
  for (const jump of [
    { ssrc: 2 },
    { shift: 57_500, stamp: 5 },
    { shift: 8000, stamp: 0xffff_f000 },
    { shift: 65_490, stamp: 0x1000_0000 },
    { shift: 65_500, stamp: 0x8000_0000 },
  ]) {
    const buffer = new JitterBuffer()
    let heardAt = -1
    for (let n = 0; n < 100; n++) {
      put(buffer, n, n * 20, n < 50 ? {} : jump)
      const got = buffer.take(n * 20 + 7)
      if (heardAt < 0 && got === 'packet' && buffer.bytes[buffer.start]! >= 50) heardAt = (n - 50) * 20
    }
    assert.ok(heardAt >= 0 && heardAt <= 200, `${JSON.stringify(jump)}: ${heardAt}`)
  }
})

test('after a pause the stream is waited for anew', () => {
  const { played } = play(100, (n) => (n >= 30 && n < 60 ? [] : [0]))
  const { length } = played.filter((n) => n === -1)
  assert.equal(length, 0)
  assert.deepEqual(
    sound(played),
    upTo(100).filter((n) => n < 30 || n >= 60),
  )
})

test('M16 empty and overlong payloads are dropped', () => {
  const buffer = new JitterBuffer()
  for (const payloadLength of [0, 2037]) {
    buffer.put({ ssrc: 1, sequence: 1, timestamp: 1, payloadType: 0, payloadStart: 0, payloadLength }, new Uint8Array(3000), 0)
  }
  assert.equal(buffer.held, 0)
})
