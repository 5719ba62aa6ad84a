import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  A_TO_MU,
  amplitudeAt,
  DECODE,
  ENCODE,
  heardTone,
  level,
  MU_TO_A,
  readWav,
  resample,
  SILENCE,
  toneCycle,
  writeWav,
} from './index.ts'

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

test('what is above the new band is taken out, not folded back; what is below stays', () => {
  for (const rate of [16_000, 22_050, 44_100, 48_000]) {
    const low = Int16Array.from(resample(sine(1000, rate, 500), rate, 8000))
    assert.ok(Math.abs(amplitudeAt(low.subarray(400, 3600), 1000) - 10_000) < 150, `${rate}: 1 kHz stays`)
    const high = Int16Array.from(resample(sine(5000, rate, 500), rate, 8000))
    assert.ok(level(high.subarray(400, 3600)) < 10, `${rate}: 5 kHz is gone`)
  }
})

function wav(format: number, channels: number, rate: number, bits: number, data: Uint8Array, extra = 0): Buffer {
  const head = Buffer.alloc(44)
  head.write('RIFF', 0)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(format, 20)
  head.writeUInt16LE(channels, 22)
  head.writeUInt32LE(rate, 24)
  head.writeUInt16LE(bits, 34)
  head.write('data', 36)
  head.writeUInt32LE(data.length + extra, 40)
  return Buffer.concat([head, data])
}

test('WAV files of all kinds become 8 kHz mono', () => {
  const stereo = new Int16Array([100, 300, -200, -400])
  assert.deepEqual([...readWav(wav(1, 2, 8000, 16, new Uint8Array(stereo.buffer)))], [200, -300])
  assert.deepEqual([...readWav(wav(7, 1, 8000, 8, Uint8Array.of(0x80, 0xff)))], [32_124, 0])
  assert.deepEqual([...readWav(wav(6, 1, 8000, 8, Uint8Array.of(0xaa)))], [32_256])
  const slow = Int16Array.from(sine(1000, 48_000, 100))
  assert.equal(readWav(wav(1, 1, 48_000, 16, new Uint8Array(slow.buffer))).length, 800)
  assert.deepEqual([...readWav(writeWav(Int16Array.of(1, -2, 3)))], [1, -2, 3])
})

test('a length that is too large, as espeak-ng writes it into a pipe, is no matter', () => {
  const samples = new Int16Array([1, 2, 3])
  assert.deepEqual([...readWav(wav(1, 1, 8000, 16, new Uint8Array(samples.buffer), 2_000_000_000))], [1, 2, 3])
})

test('what is no WAV file is refused as that', () => {
  const bad = { name: 'TielineError', verdict: { code: 'invalid-sound', fault: 'subscriber', retry: false, http: 422 } }
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('RIFFxxxxWAVE'),
    Buffer.alloc(100, 0x41),
    wav(1, 1, 8000, 24, new Uint8Array(6)),
    wav(1, 0, 8000, 16, new Uint8Array(6)),
    wav(1, 1, 1, 16, new Uint8Array(6)),
    wav(3, 1, 8000, 32, new Uint8Array(8)),
  ]) {
    assert.throws(() => readWav(bytes), bad)
  }
})
