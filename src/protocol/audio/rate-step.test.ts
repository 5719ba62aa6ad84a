import assert from 'node:assert/strict'
import { test } from 'node:test'
import { amplitudeAt, Downsampler, Upsampler } from './index.ts'

const tone = (hz: number, rate: number, samples: number) =>
  Int16Array.from({ length: samples }, (_, i) => Math.round(8000 * Math.sin((2 * Math.PI * hz * i) / rate)))

function inPieces(step: { push(samples: Int16Array): Int16Array }, all: Int16Array, size: number): Int16Array {
  const out: number[] = []
  for (let at = 0; at < all.length; at += size) out.push(...step.push(all.subarray(at, at + size)))
  return Int16Array.from(out)
}

for (const factor of [2, 3, 6]) {
  test(`a tone is the same at ${factor} times its rate and back, however it is cut`, () => {
    const sound = tone(1000, 8000, 3200)
    const up = inPieces(new Upsampler(factor), sound, 160)
    assert.equal(up.length, 3200 * factor)
    const back = inPieces(new Downsampler(factor), up, 157)
    assert.equal(back.length, 3200)
    const before = amplitudeAt(sound.subarray(800, 2400), 1000)
    assert.ok(Math.abs(amplitudeAt(back.subarray(800, 2400), 1000) / before - 1) < 0.03)
  })

  test(`what ${factor} times the rate alone can carry is taken out, not folded back`, () => {
    const down = inPieces(new Downsampler(factor), tone(7000, 8000 * factor, 9600), 320)
    const whole = amplitudeAt(tone(1000, 8000, 800), 1000)
    assert.ok(amplitudeAt(down.subarray(200, 1000), 1000) < whole / 50)
  })
}

test('what both rates have is kept at its strength, without an image of it; what only the higher has is taken out', () => {
  for (const factor of [2, 3, 6]) {
    const down = (hz: number) => new Downsampler(factor).push(tone(hz, 8000 * factor, 4000 * factor)).subarray(200, 3800)
    const up = (hz: number) => new Upsampler(factor).push(tone(hz, 8000, 4000)).subarray(200 * factor, 3800 * factor)
    for (const hz of [300, 1000, 3000]) {
      assert.ok(Math.abs(amplitudeAt(down(hz), hz) - 8000) < 400, `${hz} Hz by ${factor}`)
      // At its own rate the tone and its image lie at the factor's part.
      const high = up(hz)
      assert.ok(Math.abs(amplitudeAt(high, hz / factor) - 8000) < 400, `${hz} Hz times ${factor}`)
      assert.ok(amplitudeAt(high, (8000 - hz) / factor) < 40, `image of ${hz} Hz times ${factor}`)
    }
    for (const hz of [5200, 7000]) assert.ok(amplitudeAt(down(hz), 8000 - hz) < 40, `${hz} Hz folded by ${factor}`)
  }
})

test('a piece may be written over itself, and any pieces make the same sound', () => {
  const sound = tone(700, 48_000, 9600)
  const whole = new Downsampler(6).push(sound)
  const step = new Downsampler(6)
  const got: number[] = []
  for (let at = 0, size = 1; at < sound.length; at += size, size = (size * 5) % 997) {
    const piece = sound.slice(at, at + size)
    got.push(...piece.subarray(0, step.run(piece, piece.length, piece)))
  }
  assert.deepEqual(Int16Array.from(got), whole)
})
