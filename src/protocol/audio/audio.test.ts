import assert from 'node:assert/strict'
import { test } from 'node:test'
import { A_TO_MU, amplitudeAt, DECODE, ENCODE, heardTone, level, MU_TO_A, Resampler, SILENCE, toneCycle } from './index.ts'

test('G.711 keeps what the recommendation says of its ends and its middle', () => {
  assert.deepEqual(
    [0x00, 0x80, 0x7f, 0xff].map((b) => DECODE.PCMU[b]),
    [-32_124, 32_124, 0, 0],
  )
  assert.deepEqual(
    [0x2a, 0xaa, 0x55, 0xd5].map((b) => DECODE.PCMA[b]),
    [-32_256, 32_256, -8, 8],
  )
  assert.equal(ENCODE.PCMU[0], SILENCE.PCMU)
  assert.equal(ENCODE.PCMA[0], SILENCE.PCMA)
})

test('every byte of both laws survives decoding and encoding', () => {
  for (const law of ['PCMU', 'PCMA'] as const) {
    for (let byte = 0; byte < 256; byte++) {
      const again = ENCODE[law][DECODE[law][byte]! & 0xffff]!
      if (law === 'PCMU' && byte === 0x7f) assert.equal(again, 0xff, 'minus nothing is nothing')
      else assert.equal(again, byte)
    }
  }
})

test('from law to law and back stays within one step', () => {
  for (let byte = 0; byte < 256; byte++) {
    const value = DECODE.PCMU[byte]!
    const step = Math.max(16, Math.abs(value) / 8)
    assert.ok(Math.abs(DECODE.PCMU[A_TO_MU[MU_TO_A[byte]!]!]! - value) <= step)
  }
})

test('a tone is found, its neighbours and silence are not', () => {
  const tone = toneCycle([{ frequencies: [440], onMs: 1000, offMs: 0 }])
  assert.ok(Math.abs(amplitudeAt(tone, 440) - 8000) < 100)
  assert.ok(amplitudeAt(tone, 700) < 100)
  assert.equal(heardTone(tone.subarray(0, 1600), [350, 440, 480]), 440)
  assert.equal(heardTone(new Int16Array(1600), [440]), null)
  const two = toneCycle([{ frequencies: [440, 700], onMs: 1000, offMs: 0 }])
  assert.equal(heardTone(two, [440, 700]), null, 'two at once are not one')
})

test('a cadence is as long as it says', () => {
  const cycle = toneCycle([
    { frequencies: [425], onMs: 1000, offMs: 4000 },
    { frequencies: [350, 440], onMs: 200, offMs: 0 },
  ])
  assert.equal(cycle.length, 8 * 5200)
  assert.ok(level(cycle.subarray(8 * 1000, 8 * 5000)) === 0)
  assert.ok(level(cycle.subarray(8 * 5000)) > 1000)
  assert.equal(toneCycle([]).length, 0)
})

function sine(hz: number, rate: number, ms: number): Float32Array {
  return Float32Array.from({ length: (rate * ms) / 1000 }, (_, i) => 10_000 * Math.sin((2 * Math.PI * hz * i) / rate))
}

/** In pieces of uneven length, as files come. */
function resampled(sound: Float32Array, rate: number): Int16Array {
  const resampler = new Resampler(rate, 8000)
  const out: number[] = []
  for (let at = 0, size = 1; at < sound.length; at += size, size = (size * 7) % 4001) {
    out.push(...resampler.push(sound.subarray(at, at + size)))
  }
  return Int16Array.from([...out, ...resampler.end()])
}

test('what is above the new band is taken out, not folded back; what is below stays', () => {
  for (const rate of [16_000, 22_050, 44_056, 44_100, 48_000]) {
    const low = resampled(sine(1000, rate, 500), rate)
    assert.ok(Math.abs(amplitudeAt(low.subarray(400, 3600), 1000) - 10_000) < 150, `${rate}: 1 kHz stays`)
    assert.ok(Math.abs(low.length - 4000) <= 1, `${rate}: ${low.length} samples`)
    const high = resampled(sine(5000, rate, 500), rate)
    assert.ok(level(high.subarray(400, 3600)) < 10, `${rate}: 5 kHz is gone`)
  }
})
