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
