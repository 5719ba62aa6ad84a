import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import { type CodecName, codecOf } from '#protocol/audio/index.ts'
import { timestampDelta } from '#protocol/rtp/index.ts'
import { until } from './voice-phone.ts'
import { joinedLegs, openLeg, startVoice } from './voice-scene.ts'

const TONES = [440, 700, 1000]
const PAIRS: readonly [CodecName, CodecName][] = [
  ['PCMU', 'G722'],
  ['opus', 'PCMA'],
  ['opus', 'G722'],
  ['L16/16000', 'PCMU'],
  ['L16/8000', 'opus'],
]

test('legs without a codec in common hear each other, and digits pass at the clock rate of each (S50)', async (t) => {
  const voice = await startVoice(t, { first: 21_200, last: 21_299 })
  for (const [codecA, codecB] of PAIRS) {
    const what = `${codecA} and ${codecB}`
    const { a, b } = await joinedLegs(t, voice, { a: { codec: codecA, events: 101 }, b: { codec: codecB, events: 96 } })
    a.phone.speak(440)
    b.phone.speak(700)
    await until(`${what}: b hears a`, () => b.phone.tone(TONES) === 440)
    await until(`${what}: a hears b`, () => a.phone.tone(TONES) === 700)
    assert.ok(b.phone.strength(440) > 4000, `${what}: ${b.phone.strength(440)}`)
    const sound = b.phone.heard.filter(({ payloadType }) => payloadType === b.phone.payloadType)
    const step = codecOf(codecB).clockRate / 50
    for (const [i, { sequence, timestamp, marker }] of sound.entries()) {
      const before = sound[i - 1]
      if (!before || marker) continue
      assert.equal((sequence - before.sequence) & 0xffff, 1, `${what}: sequence`)
      assert.equal(timestampDelta(timestamp, before.timestamp), step, `${what}: M06 timestamps of packet ${i}`)
    }
    a.phone.quiet()
    a.phone.press('5')
    const events = () => b.phone.heard.filter(({ payloadType }) => payloadType === 96)
    await until(`${what}: every packet of the digit`, () => events().length === 7)
    assert.equal(new Set(events().map(({ timestamp }) => timestamp)).size, 1)
    const { payload } = events().at(-1)!
    assert.deepEqual([payload[0], (payload[2]! << 8) | payload[3]!], [5, 5 * step], `${what}: 100 ms by its own clock`)
    for (const { endpoint } of [a, b]) await voice.call('endpoint.close', { endpoint })
  }
})

test('legs that share a codec are not transcoded: the payload goes through as it came', async (t) => {
  const voice = await startVoice(t, { first: 21_300, last: 21_399 })
  for (const codec of ['G722', 'opus', 'L16/16000'] as const) {
    const { a, b } = await joinedLegs(t, voice, { a: { codec }, b: { codec } })
    const payload = Uint8Array.from({ length: 160 }, (_, i) => (i * 7) & 0xff)
    // One that comes before the media thread has joined the two goes nowhere.
    await until(`${codec} arrives`, () => {
      a.phone.packet(payload, { marker: true })
      return b.phone.heard.length > 0
    })
    assert.deepEqual(Uint8Array.from(b.phone.heard[0]!.payload), payload)
  }
})

test('a conference of different codecs, and a prompt to each', async (t) => {
  const voice = await startVoice(t, { first: 21_400, last: 21_499 })
  const codecs = ['PCMU', 'G722', 'opus', 'L16/16000'] as const
  const legs = await Promise.all(codecs.map((codec) => openLeg(t, voice, newId('call'), 'node', { codec })))
  for (const { endpoint } of legs) {
    void voice.call('conference.sit', { endpoint, verb: newId('verb'), conference: 'c', muted: false }).catch(() => {})
  }
  for (const speaker of [1, 2]) {
    legs[speaker]!.phone.speak(700)
    for (const [i, { phone }] of legs.entries()) {
      if (i !== speaker) await until(`${codecs[i]} hears ${codecs[speaker]}`, () => phone.tone(TONES) === 700)
    }
    legs[speaker]!.phone.quiet()
    await until('it is quiet again', () => legs.every(({ phone }) => phone.tone(TONES) === null))
  }
  for (const [i, { endpoint, phone }] of legs.entries()) {
    const source = { tone: [{ frequencies: [1000], onMs: 1000, offMs: 0 }], totalMs: 600 }
    const played = voice.call('play', { endpoint, verb: newId('verb'), source })
    await until(`${codecs[i]} hears the prompt`, () => phone.tone(TONES) === 1000)
    assert.equal((await played).reason, 'done')
  }
})
