import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { newId, run } from '#lib/index.ts'
import { codecOf, dtmfFrequencies, heardTone, toneCycle } from '#protocol/audio/index.ts'
import { RTP_HEADER_BYTES, writeRtpHeader } from '#protocol/rtp/index.ts'
import { udpPcap } from './udp-pcap.ts'
import type { Heard, Phone } from './voice-phone.ts'
import { pause, until } from './voice-phone.ts'
import { joinedLegs, openLeg, startVoice } from './voice-scene.ts'

/** What a telephone heard, to be judged by tshark. */
function pcap(packets: readonly Heard[], port: number): Buffer {
  const datagrams = packets.map(({ marker, payloadType, sequence, timestamp, ssrc, payload, at }) => {
    const bytes = new Uint8Array(RTP_HEADER_BYTES + payload.length)
    writeRtpHeader(bytes, marker, payloadType, sequence, timestamp, ssrc)
    bytes.set(payload, RTP_HEADER_BYTES)
    return { bytes, at, port }
  })
  return udpPcap(datagrams)
}

test('M09 tshark reads the keys that were pressed, at packet times of 20, 30 and 60 ms', async (t) => {
  const voice = await startVoice(t)
  for (const ptimeMs of [20, 30, 60]) {
    const { endpoint, phone } = await openLeg(t, voice, newId('call'), 'node', { events: 97, ptimeMs })
    await voice.call('dtmf', { endpoint, digits: '15#', onMs: 100, offMs: 80 })
    await until('all has come', () => phone.heard.length > 0)
    const file = join(voice.directory, `dtmf-${ptimeMs}.pcap`)
    writeFileSync(file, pcap(phone.heard, 40_000))
    const fields = ['rtpevent.event_id', 'rtpevent.end_of_event', 'rtpevent.duration', 'rtp.timestamp', 'rtp.marker', 'rtp.seq']
    const text = await run(
      'tshark',
      [
        ...[
          '-r',
          file,
          '-d',
          'udp.port==40000,rtp',
          '-o',
          'rtpevent.event_payload_type_value:97',
          '-Y',
          'rtpevent',
          '-T',
          'fields',
        ],
        ...fields.flatMap((field) => ['-e', field]),
      ],
      { timeoutMs: 30_000 },
    )
    const flag = (value: string) => value === '1' || value === 'True'
    const rows = text
      .trim()
      .split('\n')
      .map((line) => {
        const [id, end, duration, timestamp, marker, sequence] = line.split('\t') as [
          string,
          string,
          string,
          string,
          string,
          string,
        ]
        return { id, end: flag(end), duration: Number(duration), timestamp, marker: flag(marker), sequence: Number(sequence) }
      })
    assert.equal(rows.length, phone.heard.length, 'tshark takes every packet for an event')
    assert.equal(new Set(rows.map(({ timestamp }) => timestamp)).size, 3)
    for (const key of ['1', '5', '11']) {
      const own = rows.filter(({ id }) => id === key)
      assert.equal(new Set(own.map(({ timestamp }) => timestamp)).size, 1)
      assert.deepEqual(
        own.map(({ marker }) => marker),
        own.map((_, i) => i === 0),
      )
      assert.deepEqual(
        own.slice(-3).map(({ end, duration }) => [end, duration]),
        new Array(3).fill([true, 800]),
      )
      assert.equal(own.filter(({ end }) => end).length, 3)
      assert.ok(own.every(({ duration }, i) => i === 0 || duration >= own[i - 1]!.duration))
    }
    assert.ok(rows.every(({ sequence }, i) => i === 0 || sequence === ((rows[i - 1]!.sequence + 1) & 0xffff)))
  }
})

test('S50 a far end without telephone-events hears the tones themselves', async (t) => {
  const voice = await startVoice(t)
  const { endpoint, phone } = await openLeg(t, voice, newId('call'), 'node', { events: null })
  await voice.call('dtmf', { endpoint, digits: '5', onMs: 200, offMs: 50 })
  const sound = phone.sound().subarray(0, 1600)
  assert.equal(heardTone(sound, [697, 941, 1209, 1477]), null)
  for (const hz of [770, 1336]) assert.ok(phone.heard.length >= 10 && amplitude(sound, hz) > 2000, `${hz} Hz`)
})

test('S50 relayed keys reach a far end without telephone-events as tones', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice, { b: { events: null, codec: 'PCMA' } })
  // A key that comes before the media thread has joined the two goes nowhere.
  a.phone.speak(440)
  await until('b hears a', () => b.phone.heard.length > 0)
  a.phone.quiet()
  await pause(100)
  b.phone.heard.length = 0
  a.phone.press('9', 101, 240)
  await until('tones have come', () => b.phone.sound().length >= 1600)
  assert.ok(b.phone.heard.every(({ payloadType }) => payloadType === 8))
  for (const hz of [852, 1477]) assert.ok(amplitude(b.phone.sound().subarray(0, 1600), hz) > 2000, `${hz} Hz`)
  await until('the switch is told, too', () => voice.told.length === 1)
})

function amplitude(samples: Int16Array, hz: number): number {
  let re = 0
  let im = 0
  samples.forEach((sample, i) => {
    re += sample * Math.cos((2 * Math.PI * hz * i) / 8000)
    im += sample * Math.sin((2 * Math.PI * hz * i) / 8000)
  })
  return (2 * Math.hypot(re, im)) / samples.length
}

/** Says keys as tones, at the pace of the clock. */
async function sayKeys(phone: Phone, keys: string, onMs: number, offMs: number): Promise<void> {
  const pcm = toneCycle([...keys].map((key) => ({ frequencies: dtmfFrequencies(key), onMs, offMs })))
  const { clockRate, encoder } = codecOf(phone.codec)
  const speaking = encoder(8000)
  const bytes = new Uint8Array(1000)
  const start = performance.now()
  for (let at = 0; at + 160 <= pcm.length; at += 160) {
    await pause(Math.max(0, at / 8 - (performance.now() - start)))
    phone.packet(bytes.slice(0, speaking.encode(pcm.subarray(at, at + 160), 160, bytes, 0)), { marker: at === 0 })
    phone.timestamp = (phone.timestamp + clockRate / 50) >>> 0
  }
}

test('S50 keys are heard as tones where no telephone-event was negotiated, and interrupt the prompt', async (t) => {
  const voice = await startVoice(t)
  const { endpoint, phone } = await openLeg(t, voice, newId('call'), 'node', { events: null, codec: 'PCMA' })
  const prompt = { tone: [{ frequencies: [440], onMs: 1000, offMs: 0 }], totalMs: 30_000 }
  const gathered = voice.call('gather', {
    ...{ endpoint, verb: newId('verb'), prompt, finishKey: '#' },
    ...{ timeoutMs: 5000, interDigitTimeoutMs: 2000 },
  })
  await until('the prompt is heard', () => phone.tone([440]) === 440)
  await sayKeys(phone, '1550#', 80, 80)
  assert.deepEqual(await gathered, { digits: '1550', reason: 'finish-key' })
  await pause(3 * 300)
  const packets = phone.heard.length
  await pause(100)
  assert.equal(phone.heard.length, packets, 'the prompt has ended')
})

test('S50 where telephone-events were negotiated, tones are no keys: none is heard twice, also by who listens for other things', async (t) => {
  const voice = await startVoice(t)
  for (const codec of ['PCMU', 'G722'] as const) {
    const { endpoint, phone } = await openLeg(t, voice, newId('call'), 'node', { codec })
    const verb = newId('verb')
    const listening = voice.call('detect', { endpoint, verb, amd: {} })
    const short = { timeoutMs: 1500, interDigitTimeoutMs: 300 }
    const gathered = voice.call('gather', { endpoint, verb: newId('verb'), ...short })
    await sayKeys(phone, '123', 80, 80)
    phone.press('7')
    assert.deepEqual(await gathered, { digits: '7', reason: 'timeout' }, codec)
    await voice.call('stop', { verb })
    await listening
  }
})

test('fewer digits than wanted are told as that', async (t) => {
  const voice = await startVoice(t)
  const { endpoint, phone } = await openLeg(t, voice, newId('call'), 'node')
  const params = { endpoint, minDigits: 3, finishKey: '#', timeoutMs: 3000, interDigitTimeoutMs: 200 }
  const few = voice.call('gather', { ...params, verb: newId('verb') })
  for (const key of '12#') phone.press(key)
  assert.deepEqual(await few, { digits: '12', reason: 'too-few' })
  const enough = voice.call('gather', { ...params, verb: newId('verb') })
  await voice.call('status', {}) // the gather has begun: requests are taken in their order
  for (const key of '123') phone.press(key)
  assert.deepEqual(await enough, { digits: '123', reason: 'timeout' })
})
