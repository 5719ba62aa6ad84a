import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeWav } from '#protocol/audio/index.ts'
import { readWav } from './index.ts'

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
  const slow = new Int16Array(4800)
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
