import assert from 'node:assert/strict'
import { test } from 'node:test'
import { estimateMos } from './quality.ts'
import { Reception } from './reception.ts'
import { ntpMiddle, readControl, roundTripMs, writeControl } from './rtcp.ts'

function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const BLOCK = { ssrc: 7, fractionLost: 12, lost: -3, highest: 70_000, jitter: 55, lastReport: 0xfeed_beef, delay: 65_536 }

test('a report is read as it was written, with and without a sender, a block, a goodbye', () => {
  const sender = { wallMs: 1_700_000_000_123, timestamp: 0xffff_fff0, packets: 500, octets: 80_000 }
  for (const withSender of [true, false]) {
    for (const withBlock of [true, false]) {
      for (const goodbye of [true, false]) {
        const bytes = new Uint8Array(256)
        const report = { ssrc: 42, sender: withSender ? sender : null, block: withBlock ? BLOCK : null, name: 'abc', goodbye }
        const length = writeControl(bytes, report)
        assert.equal(length % 4, 0)
        const read = readControl(bytes, length)
        assert.deepEqual(read, {
          ssrc: 42,
          ...(withSender ? { sentAt: ntpMiddle(sender.wallMs) } : {}),
          blocks: withBlock ? [BLOCK] : [],
          goodbye,
        })
      }
    }
  }
})

test('the last report of streams that were before is of them: the newest one lives, and its moment counts (RFC 7160)', () => {
  const bytes = new Uint8Array(512)
  const sender = (wallMs: number) => ({ wallMs, timestamp: 1, packets: 2, octets: 3 })
  const now = sender(1_700_000_000_123)
  const retired = [7, 8].map((ssrc) => ({ ssrc, sender: sender(1_700_000_009_000 + ssrc) }))
  const read = (goodbye: boolean) => {
    const length = writeControl(bytes, { ssrc: 42, sender: now, block: BLOCK, retired, name: 'abc', goodbye })
    assert.equal(length % 4, 0)
    return readControl(bytes, length)
  }
  const told = { ssrc: 42, sentAt: ntpMiddle(now.wallMs), blocks: [BLOCK] }
  assert.deepEqual(read(false), { ...told, goodbye: false })
  assert.deepEqual(read(true), { ...told, goodbye: true })
})

test('M16 no bytes make the reader throw, and what is cut is refused', () => {
  const bytes = new Uint8Array(256)
  const length = writeControl(bytes, { ssrc: 1, sender: null, block: BLOCK, name: 'name', goodbye: true })
  for (let cut = 0; cut < length; cut++) {
    const read = readControl(bytes, cut)
    // Whole packets at the front are a compound packet of their own.
    if (cut !== 32 && cut !== 48) assert.equal(read, null, `cut at ${cut}`)
  }
  const next = random(3)
  for (let round = 0; round < 20_000; round++) {
    const noise = Uint8Array.from({ length: Math.floor(next() * 80) }, () => next() * 256)
    if (noise.length > 1 && round % 2) noise.set([0x81, 200 + (round % 4)])
    readControl(noise, noise.length)
  }
})

test('round trip: now less the report less the time that it was kept, across the wrap of 65536 s', () => {
  for (const sentAt of [1_700_000_000_000, 1_700_000_012_345, 27_311 * 65_536_000 - 2_208_988_800_000 - 20]) {
    const block = { lastReport: ntpMiddle(sentAt), delay: 65_536 * 2 }
    const trip = roundTripMs(block, sentAt + 2000 + 80)
    assert.ok(trip !== null && Math.abs(trip - 80) < 0.1, `${trip}`)
  }
  assert.equal(roundTripMs({ lastReport: 0, delay: 0 }, 5), null)
  assert.equal(roundTripMs({ lastReport: ntpMiddle(9e11), delay: 0 }, 1e12 + 1e7), null)
})

test('loss is what the sequence numbers miss, whatever the order and across the wrap', () => {
  const next = random(11)
  for (let round = 0; round < 200; round++) {
    const first = Math.floor(next() * 65_536)
    const count = 200 + Math.floor(next() * 800)
    const kept = Array.from({ length: count }, (_, i) => i).filter((i) => i === 0 || i === count - 1 || next() > 0.1)
    // Neighbours change places.
    for (let i = 2; i + 2 < kept.length; i += 3) [kept[i], kept[i + 1]] = [kept[i + 1]!, kept[i]!]
    const reception = new Reception()
    for (const i of kept) reception.take(9, (first + i) & 0xffff)
    assert.deepEqual(reception.totals, { expected: count, lost: count - kept.length })
    const report = reception.report()
    assert.equal(report?.lost, count - kept.length)
    assert.equal(report?.highest, first + count - 1)
    assert.equal(report?.fractionLost, Math.floor(((count - kept.length) * 256) / count))
    assert.equal(reception.report()?.fractionLost, 0)
  }
})

test('M05 a new SSRC and a jump of the sequence begin anew without being counted as loss', () => {
  const reception = new Reception()
  for (let i = 0; i < 50; i++) reception.take(1, i)
  for (let i = 0; i < 50; i++) reception.take(2, (57_000 + i) & 0xffff)
  assert.deepEqual(reception.totals, { expected: 100, lost: 0 })
  for (let i = 0; i < 50; i++) reception.take(2, 20_000 + i)
  // The first packet after the jump proves nothing yet, and is not counted.
  assert.deepEqual(reception.totals, { expected: 149, lost: 0 })
  assert.equal(reception.report()?.ssrc, 2)
})

test('jitter is the smoothed change of transit: none at a steady pace, its mean at an uneven one', () => {
  const steady = new Reception()
  for (let i = 0; i < 500; i++) steady.time((4_294_960_000 + i * 160) >>> 0, 8000, i * 20)
  assert.ok(steady.jitterMs < 1e-6)
  const uneven = new Reception()
  for (let i = 0; i < 500; i++) uneven.time(i * 160, 8000, i * 20 + (i % 2) * 8)
  assert.ok(Math.abs(uneven.jitterMs - 8) < 0.1)
  // A leap of the sender's timestamps is a new clock.
  uneven.time(9_000_000, 8000, 10_000)
  assert.ok(uneven.jitterMs < 8.1)
  const wide = new Reception()
  for (let i = 0; i < 500; i++) wide.time(i * 960, 48_000, i * 20)
  // One source that changes its clock rate and back, its times of either beginning anywhere (RFC 7160 §4.2).
  for (let i = 500; i < 600; i++) wide.time(7 + i * 160, 8000, i * 20)
  for (let i = 600; i < 700; i++) wide.time(i * 960, 48_000, i * 20)
  assert.ok(wide.jitterMs < 1e-6)
})

test('the estimated opinion falls with loss and delay, and stays on its scale', () => {
  const clean = estimateMos(0, 20)
  assert.ok(clean > 4.3 && clean <= 4.5)
  const [little, much] = [estimateMos(0.02, 20), estimateMos(0.2, 20)]
  assert.ok(clean > little && little > much && much > 1)
  assert.ok(estimateMos(0, 150) > estimateMos(0, 400))
  assert.equal(estimateMos(1, 5000), 1)
})
