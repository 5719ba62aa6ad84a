import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CodecName, codecOf } from '#protocol/audio/index.ts'
import { timestampDelta } from '#protocol/rtp/index.ts'
import { pause, until } from './voice-phone.ts'
import { joinedLegs, startVoice } from './voice-scene.ts'

const TONES = [440, 700, 1000]

test('two far ends in two realms hear each other, law and event types converted (S50)', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice, { a: { codec: 'PCMU', events: 101 }, b: { codec: 'PCMA', events: 96 } })
  a.phone.speak(440)
  b.phone.speak(700)
  await until('b hears a', () => b.phone.tone(TONES) === 440)
  await until('a hears b', () => a.phone.tone(TONES) === 700)
  const heard = b.phone.heard
  assert.ok(heard.every(({ payloadType }) => payloadType === 8))
  assert.equal(new Set(heard.map(({ ssrc }) => ssrc)).size, 1)
  assert.notEqual(heard[0]!.ssrc, a.phone.ssrc)
  assert.ok(heard[0]!.marker)
  a.phone.quiet()
  a.phone.press('5')
  await until('the digit is told', () => voice.told.some(({ name }) => name === 'digit'))
  const eventsHeard = () => b.phone.heard.filter(({ payloadType }) => payloadType === 96)
  await until('every packet of it is relayed', () => eventsHeard().length === 7)
  const events = eventsHeard()
  assert.equal(new Set(events.map(({ timestamp }) => timestamp)).size, 1)
  assert.deepEqual(voice.told, [{ name: 'digit', params: { endpoint: a.endpoint, digit: '5', durationMs: 100 } }])
  const stats = await voice.call('endpoint.close', { endpoint: a.endpoint })
  assert.ok(stats.packetsReceived >= 10 && stats.packetsSent >= 10 && stats.packetsRefused === 0)
  assert.equal(await voice.stop(), 0)
})

test('S48 a held far end hears nothing and is heard by nobody, and both are back after the resume', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice)
  a.phone.speak(440)
  b.phone.speak(700)
  const both = () => b.phone.tone(TONES) === 440 && a.phone.tone(TONES) === 700
  await until('both hear', both)
  const holds = [
    { direction: 'inactive' },
    { direction: 'sendonly' },
    { direction: 'recvonly' },
    { remote: { address: '0.0.0.0', port: a.phone.local.port } },
  ] as const
  for (const hold of holds) {
    await voice.call('endpoint.describe', { endpoint: a.endpoint, description: a.phone.description(hold) })
    await pause(60)
    const before = [a.phone.heard.length, b.phone.heard.length] as const
    await pause(150)
    const [toA, toB] = [a.phone.heard.length - before[0], b.phone.heard.length - before[1]]
    const sends = 'direction' in hold && hold.direction === 'sendonly'
    const hears = 'direction' in hold && hold.direction === 'recvonly'
    assert.equal(toA > 0, sends, `${JSON.stringify(hold)}: to a`)
    assert.equal(toB > 0, hears, `${JSON.stringify(hold)}: from a`)
    await voice.call('endpoint.describe', { endpoint: a.endpoint, description: a.phone.description() })
    a.phone.heard.length = b.phone.heard.length = 0
    await until('both hear again', both, 3 * 300)
  }
  for (const { phone } of [a, b]) {
    const times = phone.heard.map(({ timestamp }) => timestamp)
    assert.ok(times.every((time, i) => i === 0 || timestampDelta(time, times[i - 1]!) > 0))
  }
})

test('S49 a re-description alone moves the sound to another port', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice)
  a.phone.speak(440)
  await until('b hears a', () => b.phone.tone(TONES) === 440)
  const moved = await b.phone.another()
  const heardThere = new Promise((resolve) => moved.once('message', resolve))
  await voice.call('endpoint.describe', { endpoint: b.endpoint, description: b.phone.description({ remote: moved.address() }) })
  await heardThere
})

test('M05, M06 a new SSRC with other numbers is heard at once, and what is sent stays one stream', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice)
  a.phone.speak(440)
  await until('b hears a', () => b.phone.tone(TONES) === 440)
  a.phone.ssrc = 0xdeadbeef
  a.phone.sequence = (a.phone.sequence + 0x10000 - 8000) & 0xffff
  a.phone.timestamp = 12
  a.phone.speak(1000)
  const from = b.phone.heard.length
  await until('b hears the new one', () => b.phone.tone(TONES, 100) === 1000, 3 * 200)
  assert.equal(new Set(b.phone.heard.map(({ ssrc }) => ssrc)).size, 1)
  const times = b.phone.heard.map(({ timestamp }) => timestamp)
  assert.ok(times.every((time, i) => i === 0 || timestampDelta(time, times[i - 1]!) > 0))
  assert.ok(b.phone.heard.slice(from).some(({ marker }) => marker))
})

test('S52 packets of 30 ms reach a far end that asked for 20 ms as such, and the other way round', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice, { a: { ptimeMs: 30 }, b: { ptimeMs: 20 } })
  a.phone.speak(440, 30)
  b.phone.speak(700, 20)
  await until('b hears a', () => b.phone.tone(TONES, 400) === 440)
  await until('a hears b', () => a.phone.tone(TONES, 400) === 700)
  assert.ok(b.phone.heard.every(({ payload }) => payload.length === 160))
  assert.ok(a.phone.heard.every(({ payload }) => payload.length === 240))
  a.phone.speak(1000, 40)
  await until('b hears packets of 40 ms, too', () => b.phone.tone(TONES) === 1000)
  assert.ok(b.phone.heard.every(({ payload }) => payload.length === 160))
})

test('S52 each packet time from 10 to 60 ms reaches a far end at the one that it asked for, relayed and transcoded', async (t) => {
  const voice = await startVoice(t)
  const ways: readonly (readonly [CodecName, number, CodecName, number, number?])[] = [
    ...[10, 20, 30, 40, 50, 60].map((ms) => ['PCMU', ms, 'PCMA', 70 - ms] as const),
    ...[10, 60].map((ms) => ['opus', ms, 'PCMU', 70 - ms] as const),
    ...[10, 60].map((ms) => ['G722', ms, 'L16/16000', 70 - ms] as const),
    // Opus has no packets of 30 or 50 ms (RFC 7587 §4.2): whoever asks for them gets the next shorter ones.
    ['PCMU', 20, 'opus', 30, 20],
    ['PCMU', 20, 'opus', 50, 40],
  ]
  for (const [codecA, msA, codecB, msB, gets = msB] of ways) {
    const what = `${codecA} at ${msA} ms, ${codecB} at ${msB} ms`
    const { a, b } = await joinedLegs(t, voice, { a: { codec: codecA, ptimeMs: msA }, b: { codec: codecB, ptimeMs: msB } })
    a.phone.speak(440, msA)
    b.phone.speak(700, codecB === 'opus' ? gets : msB)
    await until(`b hears a: ${what}`, () => b.phone.tone(TONES, 400) === 440)
    await until(`a hears b: ${what}`, () => a.phone.tone(TONES, 400) === 700)
    for (const [{ phone }, codec, ms] of [[a, codecA, msA] as const, [b, codecB, gets] as const]) {
      const steps = phone.heard.slice(1).map(({ timestamp }, i) => timestampDelta(timestamp, phone.heard[i]!.timestamp))
      assert.equal(steps.at(-1), (ms * codecOf(codec).clockRate) / 1000, what)
      assert.ok(steps.filter((step) => step === steps.at(-1)).length > 0.8 * steps.length, `${what}: ${steps}`)
      const bytes = { PCMU: 8, PCMA: 8, G722: 8, 'L16/16000': 32, 'L16/8000': 16, opus: 0 }[codec] * ms
      if (bytes > 0)
        assert.ok(
          phone.heard.every(({ payload }) => payload.length === bytes),
          what,
        )
    }
    a.phone.quiet()
    b.phone.quiet()
  }
})

test('M03 silence is told once, and once that it is over; a held far end may be silent (M01)', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice)
  await voice.call('endpoint.watch', { endpoint: a.endpoint, timeoutMs: 300 })
  a.phone.speak(440)
  b.phone.speak(700)
  await pause(500)
  assert.equal(voice.told.length, 0)
  a.phone.quiet()
  await until('silence is told', () => voice.told.length === 1, 3000)
  const [first] = voice.told
  assert.ok(first?.name === 'media' && first.params.state === 'silent' && first.params.silentMs >= 300)
  assert.equal(first.params.endpoint, a.endpoint)
  a.phone.speak(440)
  await until('its end is told', () => voice.told.length === 2, 3000)
  await voice.call('endpoint.describe', { endpoint: a.endpoint, description: a.phone.description({ direction: 'sendonly' }) })
  a.phone.quiet()
  await pause(600)
  assert.equal(voice.told.length, 2)
  await voice.call('endpoint.describe', { endpoint: a.endpoint, description: a.phone.description() })
  await until('real death after the resume is told', () => voice.told.length === 3, 3000)
})

test('M04 a far end that only sends comfort noise lives', async (t) => {
  const voice = await startVoice(t)
  const { a } = await joinedLegs(t, voice)
  await voice.call('endpoint.watch', { endpoint: a.endpoint, timeoutMs: 250 })
  let sequence = 0
  const timer = setInterval(() => a.phone.raw(Uint8Array.of(0x80, 13, 0, ++sequence, 0, 0, sequence, 0, 0, 0, 0, 9, 70)), 50)
  t.after(() => clearInterval(timer))
  await pause(700)
  assert.equal(voice.told.length, 0)
  clearInterval(timer)
  await until('its silence is told', () => voice.told.length === 1, 3000)
})

test('M04 a far end that only sends RTCP lives', async (t) => {
  const voice = await startVoice(t)
  const { a } = await joinedLegs(t, voice)
  await voice.call('endpoint.watch', { endpoint: a.endpoint, timeoutMs: 250 })
  const report = Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, 7)
  const timer = setInterval(() => a.phone.raw(report), 50)
  t.after(() => clearInterval(timer))
  await pause(700)
  assert.equal(voice.told.length, 0)
})
