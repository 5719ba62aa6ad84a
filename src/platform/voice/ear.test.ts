import assert from 'node:assert/strict'
import { test } from 'node:test'
import { amplitudeAt, codecOf, DECODE } from '#protocol/audio/index.ts'
import { RTP_HEADER_BYTES, RtpReader, writeRtpHeader } from '#protocol/rtp/index.ts'
import { Ear } from './ear.ts'

const FRAME = 160
const FRAME_MS = 20

/** Frames that are known again behind G.711. */
const VALUES = Array.from({ length: 100 }, (_, i) => DECODE.PCMU[i]!)
const encoder = codecOf('PCMU').encoder(8000)

interface Arrival {
  /** The how manieth frame of the far end it is, and when it comes, ms. */
  n: number
  at: number
}

/** What is heard, frame by frame of our clock, of frames that come like this; `sound` says what is in each. Null: nothing. */
function hear(
  arrivals: readonly Arrival[],
  sound: (n: number) => Int16Array,
  untilMs: number,
): { at: number; pcm: Int16Array | null }[] {
  const ear = new Ear(
    'PCMU',
    8000,
    () => 'PCMU',
    () => {},
  )
  const bytes = new Uint8Array(RTP_HEADER_BYTES + FRAME)
  const reader = new RtpReader()
  const queue = arrivals.toSorted((a, b) => a.at - b.at)
  const heard: { at: number; pcm: Int16Array | null }[] = []
  let next = 0
  for (let now = 0; now < untilMs; now += FRAME_MS) {
    for (; next < queue.length && queue[next]!.at <= now; next++) {
      const { n, at } = queue[next]!
      writeRtpHeader(bytes, n === 0, 0, n & 0xffff, (n * FRAME) >>> 0, 7)
      encoder.encode(sound(n), FRAME, bytes, RTP_HEADER_BYTES)
      assert.ok(reader.read(bytes, bytes.length))
      ear.push(reader, bytes, at)
    }
    const pcm = new Int16Array(FRAME)
    heard.push({ at: now, pcm: ear.pull(pcm, FRAME, now) ? pcm : null })
  }
  return heard
}

const tone = (n: number) =>
  Int16Array.from({ length: FRAME }, (_, i) => 8000 * Math.sin((2 * Math.PI * 400 * (n * FRAME + i)) / 8000))

test('M16 what is lost, late, doubled and swapped leaves a tone without a hole in it', () => {
  const arrivals: Arrival[] = []
  for (let n = 0; n < 1000; n++) {
    if (n % 11 === 5) continue
    const at = n * FRAME_MS + ((n * 7919) % 31) + (n % 9 === 3 ? FRAME_MS + 1 : 0)
    arrivals.push({ n, at })
    if (n % 13 === 7) arrivals.push({ n, at: at + 3 })
  }
  const heard = hear(arrivals, tone, 19_900).slice(10)
  const strong = heard.filter(({ pcm }) => pcm && amplitudeAt(pcm, 400) > 1500)
  assert.ok(strong.length > 0.98 * heard.length, `${strong.length} of ${heard.length} frames`)
})

for (const ppm of [200, -200, 1000, -1000]) {
  test(`a far end whose clock is ${Math.abs(ppm)} ppm too ${ppm > 0 ? 'fast' : 'slow'} is heard for an hour, whole, and no later at its end than at its beginning`, () => {
    const minutes = 60
    const frames = (minutes * 60_000) / FRAME_MS
    const period = FRAME_MS / (1 + ppm / 1e6)
    const arrivals = Array.from({ length: frames }, (_, n) => ({ n, at: n * period + ((n * 7919) % 11) }))
    const flat = VALUES.map((value) => new Int16Array(FRAME).fill(value))
    const heard = hear(arrivals, (n) => flat[n % VALUES.length]!, frames * Math.min(period, FRAME_MS))
    const delays: number[] = []
    let last = -1
    let skipped = 0
    for (const { at, pcm } of heard) {
      const value = pcm?.every((sample) => sample === pcm[0]) ? VALUES.indexOf(pcm[0]!) : -1
      if (value < 0) continue
      // The newest frame of this sound that can be there.
      const n = Math.floor(at / period / VALUES.length) * VALUES.length + value
      const played = n * period <= at ? n : n - VALUES.length
      // Where two become one, neither is whole.
      if (last >= 0 && played > last + 3) skipped++
      last = played
      delays.push(at - played * period)
    }
    assert.ok(delays.length > 0.99 * heard.length, `${delays.length} of ${heard.length} frames are whole`)
    const latest = delays.slice(50).reduce((most, delay) => Math.max(most, delay), 0)
    assert.ok(latest < 150, `${latest} ms late`)
    assert.ok(skipped < 5, `${skipped} times something was left out`)
  })
}
