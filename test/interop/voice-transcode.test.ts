import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import { amplitudeAt, type CodecName, codecOf } from '#protocol/audio/index.ts'
import { timestampDelta, writeControl } from '#protocol/rtp/index.ts'
import { gainOfRepeats, syllables } from '../../src/protocol/audio/opus.fixture.ts'
import { pause, until } from './voice-phone.ts'
import { addressOf } from './voice-process.ts'
import { joinedLegs, openLeg, SUB, startVoice } from './voice-scene.ts'

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

test('M16 loss, jitter, doubles and disorder on the way leave no hole in what the other end of a transcoded call hears', async (t) => {
  const voice = await startVoice(t, { first: 21_500, last: 21_599 })
  for (const [codecA, codecB] of [['PCMU', 'G722'] as const, ['G722', 'PCMA'] as const]) {
    const { a, b } = await joinedLegs(t, voice, { a: { codec: codecA }, b: { codec: codecB } })
    const encoder = codecOf(codecA).encoder(8000)
    const into = new Uint8Array(1000)
    const step = codecOf(codecA).clockRate / 50
    const began = performance.now()
    const later: { at: number; n: number; payload: Uint8Array }[] = []
    for (let n = 0; n < 200; n++) {
      const pcm = Int16Array.from({ length: 160 }, (_, i) => 8000 * Math.sin((2 * Math.PI * 440 * (n * 160 + i)) / 8000))
      const payload = into.slice(0, encoder.encode(pcm, 160, into, 0))
      if (n % 11 === 5) continue
      const at = n * 20 + ((n * 7919) % 25) + (n % 9 === 3 ? 21 : 0)
      later.push({ at, n, payload })
      if (n % 13 === 7) later.push({ at: at + 2, n, payload })
    }
    for (const { at, n, payload } of later.toSorted((x, y) => x.at - y.at)) {
      await pause(Math.max(0, began + at - performance.now()))
      a.phone.sequence = 1000 + n
      a.phone.packet(payload, { timestamp: 5000 + n * step, marker: n === 0 })
    }
    const sound = b.phone.sound()
    const pieces = Array.from({ length: Math.floor(sound.length / 160) - 15 }, (_, i) =>
      sound.subarray((i + 10) * 160, (i + 11) * 160),
    )
    const strong = pieces.filter((piece) => amplitudeAt(piece, 440) > 1500).length
    assert.ok(pieces.length > 150 && strong > 0.95 * pieces.length, `${codecA}: ${strong} of ${pieces.length} pieces`)
    for (const { endpoint } of [a, b]) await voice.call('endpoint.close', { endpoint })
  }
})

test('a far end that reports loss gets opus in which each packet repeats the one before, until it reports none any more', async (t) => {
  const voice = await startVoice(t, { first: 21_600, last: 21_699 })
  const { a, b } = await joinedLegs(t, voice, { a: { codec: 'PCMU' }, b: { codec: 'opus' } })
  const pcm = syllables(60_000)
  const spoken = new Uint8Array(pcm.length)
  codecOf('PCMU').encoder(8000).encode(pcm, pcm.length, spoken, 0)
  let said = 0
  const timer = setInterval(() => {
    a.phone.packet(spoken.subarray(said, said + 160))
    a.phone.timestamp += 160
    said += 160
  }, 20)
  t.after(() => clearInterval(timer))
  const control = dgram.createSocket('udp4').bind(0, b.phone.local.address)
  t.after(() => control.close())
  await once(control, 'listening')
  const description = b.phone.description({ remote: { ...b.phone.local, controlPort: control.address().port } })
  await voice.call('endpoint.describe', { endpoint: b.endpoint, description })
  /** Whether the next three seconds repeat themselves. */
  const repeats = async () => {
    const from = b.phone.heard.length + 10
    await until('more packets', () => b.phone.heard.length >= from + 150, 9000)
    return gainOfRepeats(b.phone.heard.slice(from).map(({ payload }) => payload)) > 2
  }
  const tell = async (percent: number) => {
    const bytes = new Uint8Array(256)
    const { ssrc } = b.phone.heard.at(-1)!
    const block = { ssrc, fractionLost: (percent * 256) / 100, lost: 0, highest: 0, jitter: 0, lastReport: 0, delay: 0 }
    const size = writeControl(bytes, { ssrc: b.phone.ssrc, sender: null, block, name: 'phone', goodbye: false })
    control.send(bytes.subarray(0, size), b.port + 1, addressOf(SUB))
  }
  assert.equal(await repeats(), false)
  await tell(10)
  assert.equal(await repeats(), true)
  for (let i = 0; i < 5; i++) await tell(0)
  assert.equal(await repeats(), false)
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
