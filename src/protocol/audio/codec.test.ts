import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import koffi from 'koffi'
import { type AudioCodec, frameOf, LONGEST_DECODED, type SoundRate } from './codec.ts'
import { CODECS, codecOf } from './codecs.ts'
import { gainOfRepeats, syllables } from './opus.fixture.ts'
import { opusCodec } from './opus.ts'

const RATES: readonly SoundRate[] = [8000, 16_000]

function tone(hz: number, rate: number, samples: number, amplitude = 8000): Int16Array {
  return Int16Array.from({ length: samples }, (_, i) => Math.round(amplitude * Math.sin((2 * Math.PI * hz * i) / rate)))
}

/** Amplitude of one frequency. */
function strength(pcm: Int16Array, hz: number, rate: number): number {
  let [re, im] = [0, 0]
  for (const [i, sample] of pcm.entries()) {
    re += sample * Math.cos((2 * Math.PI * hz * i) / rate)
    im += sample * Math.sin((2 * Math.PI * hz * i) / rate)
  }
  return (2 * Math.hypot(re, im)) / pcm.length
}

/** Through a codec and back, `lost` packets concealed. */
function through(
  codec: AudioCodec,
  pcm: Int16Array,
  from: SoundRate,
  to: SoundRate,
  ms: number,
  lost: ReadonlySet<number> = new Set(),
) {
  const encoder = codec.encoder(from)
  const decoder = codec.decoder(to)
  const bytes = new Uint8Array(4096)
  const into = new Int16Array(LONGEST_DECODED)
  const out: number[] = []
  const lengths: number[] = []
  const step = (from / 1000) * ms
  for (let n = 0; (n + 1) * step <= pcm.length; n++) {
    const length = encoder.encode(pcm.subarray(n * step, (n + 1) * step), step, bytes, 12)
    lengths.push(length)
    let samples = (to / 1000) * ms
    if (lost.has(n)) decoder.conceal(into, samples)
    else samples = decoder.decode(bytes, 12, length, into)
    assert.equal(samples, (to / 1000) * ms, `${codec.name}: a packet has as much sound as went into it`)
    out.push(...into.subarray(0, samples))
  }
  return { pcm: Int16Array.from(out), lengths }
}

for (const [name, codec] of CODECS) {
  describe(name, () => {
    test('a tone comes through at every rate and packet length', () => {
      for (const from of RATES) {
        for (const to of RATES) {
          for (const ms of codec.frames.filter((frame) => frame <= 60)) {
            const { pcm } = through(codec, tone(1000, from, from), from, to, ms)
            const heard = strength(pcm.subarray(pcm.length / 2), 1000, to)
            assert.ok(heard > 6500 && heard < 9500, `${from} to ${to} Hz, ${ms} ms: ${heard}`)
          }
        }
      }
    })

    test('silence stays silence', () => {
      const { pcm } = through(codec, new Int16Array(8000), 8000, 8000, 20)
      assert.ok(pcm.every((sample) => Math.abs(sample) < 32))
    })

    test('lost packets are hidden, and a long loss fades', () => {
      const lossy = new Set([20, 30, 31])
      const { pcm } = through(codec, tone(400, 8000, 16_000), 8000, 8000, 20, lossy)
      for (const n of lossy) {
        const heard = strength(pcm.subarray(n * 160, (n + 1) * 160), 400, 8000)
        assert.ok(heard > 1000, `packet ${n}: ${heard}`)
      }
      const whole = strength(pcm.subarray(40 * 160), 400, 8000)
      assert.ok(whole > 6500, `it goes on as before: ${whole}`)
      const cut = through(codec, tone(400, 8000, 16_000), 8000, 8000, 20, new Set(Array.from({ length: 60 }, (_, i) => 30 + i)))
      assert.ok(strength(cut.pcm.subarray(80 * 160, 85 * 160), 400, 8000) < 400)
    })

    test('no bytes throw, and none make more sound than fits', () => {
      const decoder = codec.decoder(16_000)
      const into = new Int16Array(LONGEST_DECODED)
      const bytes = new Uint8Array(2048)
      let seed = 1
      for (let n = 0; n < 300; n++) {
        for (let i = 0; i < bytes.length; i++) {
          seed = (Math.imul(seed, 1664525) + 1013904223) | 0
          bytes[i] = seed >>> 24
        }
        const samples = decoder.decode(bytes, 12, n < 100 ? n : (seed >>> 8) % 2036, into)
        assert.ok(samples >= 0 && samples <= LONGEST_DECODED)
      }
    })

    test('a packet is never longer than was asked for', () => {
      assert.equal(frameOf(codec, 20), 20)
      assert.ok(frameOf(codec, 30) <= 30)
      assert.equal(frameOf(codec, 5), 10)
    })
  })
}

test('opus repeats what was said before for whoever tells of loss, and for nobody else', () => {
  const voice = syllables(4000)
  const encoder = opusCodec.encoder(8000)
  const gain = (lossPercent: number) => {
    encoder.protect!(lossPercent)
    const packets = Array.from({ length: voice.length / 160 }, (_, n) => {
      const bytes = new Uint8Array(500)
      return bytes.slice(0, encoder.encode(voice.subarray(n * 160, (n + 1) * 160), 160, bytes, 0))
    })
    return gainOfRepeats(packets)
  }
  const gains = [gain(0), gain(10), gain(1), gain(0)]
  assert.ok(Math.abs(gains[0]!) < 0.5 && Math.abs(gains[3]!) < 0.5, `${gains}`)
  assert.ok(gains[1]! > 3 && gains[2]! > 3, `${gains}`)
})

test('G.722 says the same bits as spandsp, and hears the same sound', () => {
  const library = koffi.load('libspandsp.so.2')
  const init = (kind: string) => library.func(`g722_${kind}_init`, 'void*', ['void*', 'int', 'int'])
  const encode = library.func('g722_encode', 'int', ['void*', 'uint8_t*', 'int16_t*', 'int'])
  const decode = library.func('g722_decode', 'int', ['void*', 'int16_t*', 'uint8_t*', 'int'])
  let seed = 7
  const noise = Int16Array.from({ length: 32_000 }, (_, i) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0
    return (tone(700 + (i >> 8), 16_000, 1)[0]! + 12_000 * Math.sin(i / (3 + i / 3000)) + (seed >> 20)) | 0
  })
  const theirs = new Uint8Array(16_000)
  assert.equal(encode(init('encode')(null, 64_000, 0), theirs, noise, noise.length), theirs.length)
  const ours = new Uint8Array(16_000)
  const codec = codecOf('G722')
  const encoder = codec.encoder(16_000)
  for (let n = 0; n < 100; n++) encoder.encode(noise.subarray(n * 320, (n + 1) * 320), 320, ours, n * 160)
  assert.deepEqual(ours, theirs)

  const heard = new Int16Array(32_000)
  assert.equal(decode(init('decode')(null, 64_000, 0), heard, theirs, theirs.length), heard.length)
  const decoder = codec.decoder(16_000)
  const into = new Int16Array(LONGEST_DECODED)
  const own: number[] = []
  for (let n = 0; n < 100; n++) own.push(...into.subarray(0, decoder.decode(theirs, n * 160, 160, into)))
  assert.deepEqual(Int16Array.from(own), heard)
})
