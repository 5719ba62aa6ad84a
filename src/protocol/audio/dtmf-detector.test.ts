import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DtmfDetector, dtmfFrequencies, encodeG711, type Law, toneCycle } from './index.ts'

const KEYS = '123A456B789C*0#D'

/** What is heard in sound that comes in packets of 20 ms. */
function hear(pcm: Int16Array, law: Law = 'PCMU'): { keys: string; durations: number[] } {
  let keys = ''
  const durations: number[] = []
  const detector = new DtmfDetector({
    started: (key) => {
      keys += key
    },
    ended: (_, ms) => durations.push(ms),
  })
  const bytes = encodeG711(pcm, law)
  for (let at = 0; at < bytes.length; at += 160) detector.push(law, bytes, at, Math.min(160, bytes.length - at), at / 8)
  detector.tick(bytes.length / 8 + 200)
  return { keys, durations }
}

const pressed = (keys: string, onMs: number, offMs: number) =>
  toneCycle([...keys].map((key) => ({ frequencies: dtmfFrequencies(key), onMs, offMs })))

test('Q.24 each key is heard once, from 40 ms on, by either law, loud or weak', () => {
  for (const law of ['PCMU', 'PCMA'] as const) {
    for (const [onMs, offMs] of [
      [40, 40],
      [70, 50],
      [250, 100],
    ] as const)
      assert.equal(hear(pressed(KEYS, onMs, offMs), law).keys, KEYS, `${law} ${onMs} ms`)
  }
  const weak = pressed(KEYS, 80, 80).map((sample) => sample / 5)
  assert.equal(hear(weak).keys, KEYS)
})

test('Q.24 the same key twice is two keys, a long one is one, and its length is about right', () => {
  assert.equal(hear(pressed('5555', 60, 60)).keys, '5555')
  const { keys, durations } = hear(pressed('9', 500, 200))
  assert.equal(keys, '9')
  assert.ok(durations.length === 1 && Math.abs(durations[0]! - 500) < 40, String(durations))
})

test('Q.24 a key right behind another one, without a pause between them, is a key of its own', () => {
  for (const law of ['PCMU', 'PCMA'] as const) {
    for (const onMs of [40, 65, 150]) {
      assert.equal(hear(pressed(`${KEYS}15973#`, onMs, 0), law).keys, `${KEYS}15973#`, `${law} ${onMs} ms`)
    }
  }
  for (let ms = 0; ms < 13; ms++) {
    const late = Int16Array.from([...new Int16Array(ms * 8), ...pressed('12', 100, 0), ...new Int16Array(800)])
    const { keys, durations } = hear(late)
    assert.equal(keys, '12')
    assert.ok(durations.length === 2 && durations.every((long) => Math.abs(long - 100) < 30), String(durations))
  }
})

test('Q.24 20 ms of a key, one tone alone, a wrong tone, noise and ringing are no keys', () => {
  assert.equal(hear(pressed('5', 20, 100)).keys, '')
  for (const frequencies of [[697], [1209], [697, 1100], [440, 480], [425], [697, 770], [1209, 1336]])
    assert.equal(hear(toneCycle([{ frequencies, onMs: 1000, offMs: 100 }])).keys, '', String(frequencies))
  let seed = 1
  const noise = Int16Array.from({ length: 80_000 }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0
    return seed >> 18
  })
  assert.equal(hear(noise).keys, '')
})

test('a key during which the sound stops has ended', () => {
  const { keys, durations } = hear(pressed('1', 200, 0).subarray(0, 1600))
  assert.equal(keys, '1')
  assert.equal(durations.length, 1)
})
