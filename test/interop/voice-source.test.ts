import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import { writeRtpHeader } from '#protocol/rtp/index.ts'
import { Phone, pause, until } from './voice-phone.ts'
import { addressOf } from './voice-process.ts'
import { joinedLegs, openLeg, SUB, startVoice } from './voice-scene.ts'

const TONES = [440, 700, 1000]

test('F03 a stranger who knocks before, during and after the set-up gets nothing and is heard by nobody', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice)
  const stranger = await Phone.open({ address: '127.0.0.77' })
  t.after(() => stranger[Symbol.asyncDispose]())
  stranger.towards({ address: addressOf('node'), port: a.port }).speak(1000)
  await pause(200)
  assert.equal(b.phone.heard.length, 0, 'before the far end has sent')
  a.phone.speak(440)
  b.phone.speak(700)
  await until('a hears b', () => a.phone.tone(TONES) === 700)
  await voice.call('endpoint.describe', { endpoint: a.endpoint, description: a.phone.description() })
  await until('b hears a', () => b.phone.tone(TONES) === 440)
  assert.ok(b.phone.strength(1000) < 100)
  assert.equal(stranger.heard.length, 0)
  const { packetsRefused } = await voice.call('endpoint.close', { endpoint: a.endpoint })
  assert.ok(packetsRefused > 10, `${packetsRefused} refused`)
})

test('M10 a far end behind a NAT that sends from another port is heard and answered there, and nowhere else', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice)
  const behind = await a.phone.another()
  let there = 0
  behind.on('message', () => there++)
  a.phone.speak(440, 20, { from: behind })
  b.phone.speak(700)
  await until('b hears a', () => b.phone.tone(TONES) === 440, 3 * 500)
  await until('a is answered there', () => there > 5)
  const second = await a.phone.another()
  await voice.call('endpoint.describe', { endpoint: a.endpoint, description: a.phone.description() })
  a.phone.quiet()
  await pause(300)
  a.phone.ssrc = 99
  const heard = b.phone.heard.length
  a.phone.speak(1000, 20, { from: second })
  await pause(300)
  assert.equal(b.phone.heard.length, heard, 'the source moves once, and is not given up while it sounds')
  await voice.call('endpoint.describe', { endpoint: a.endpoint, description: a.phone.description() })
  await until('a new description lets it move again', () => b.phone.tone(TONES) === 1000)
})

test('F03 who spoke before the far end did is judged behind it, too: nothing that waits in the queue slips in', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice)
  const stranger = await Phone.open({ address: '127.0.0.77' })
  t.after(() => stranger[Symbol.asyncDispose]())
  stranger.towards({ address: addressOf('node'), port: a.port })
  Object.assign(stranger, { ssrc: a.phone.ssrc, sequence: a.phone.sequence + 1, timestamp: a.phone.timestamp + 160 })
  // The media thread knows of both legs by then; it is stopped with something in its queue.
  await pause(200)
  voice.child.kill('SIGSTOP')
  a.phone.packet(new Uint8Array(160).fill(1))
  for (let i = 0; i < 20; i++) stranger.packet(new Uint8Array(160).fill(2), { timestamp: stranger.timestamp + i * 160 })
  await pause(100)
  voice.child.kill('SIGCONT')
  await until('b hears a', () => b.phone.heard.length > 0)
  await pause(500)
  assert.deepEqual(new Set(b.phone.heard.map(({ payload }) => payload[0])), new Set([1]))
  assert.equal((await voice.call('endpoint.close', { endpoint: a.endpoint })).packetsRefused, 20)
})

test('F03 M10 a far end that falls silent leaves its place to nobody, and who speaks from elsewhere then is seen', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice)
  a.phone.speak(440)
  await until('b hears a', () => b.phone.tone(TONES) === 440)
  const rebound = await a.phone.another()
  a.phone.quiet()
  await pause(800)
  const heard = b.phone.heard.length
  a.phone.speak(1000, 20, { from: rebound })
  await pause(600)
  assert.equal(b.phone.heard.length, heard, 'nobody has told of another port')
  a.phone.speak(440)
  await until('b hears a again', () => b.phone.heard.length > heard + 10)
  assert.ok(b.phone.strength(1000) < 100)
  const { packetsRefused } = await voice.call('endpoint.close', { endpoint: a.endpoint })
  assert.ok(packetsRefused > 15 && packetsRefused < 45, `${packetsRefused} refused`)
})

test('a far end whose port is closed for a moment loses nothing that was sent before or after', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice)
  b.phone.speak(700)
  a.phone.packet(new Uint8Array(160))
  await until('a hears b', () => a.phone.heard.length > 3)
  const { address, port } = a.phone.local
  await a.phone[Symbol.asyncDispose]()
  // Its host answers each packet that there is nobody (ICMP), which the kernel tells whoever next asks it for something.
  await pause(200)
  const again = await Phone.open({ address, port })
  t.after(() => again[Symbol.asyncDispose]())
  await until('it hears b again', () => again.heard.length > 10)
  b.phone.quiet()
  await pause(100)
  const sent = (await voice.call('endpoint.close', { endpoint: a.endpoint })).packetsSent
  assert.equal(sent, (await voice.call('endpoint.close', { endpoint: b.endpoint })).packetsReceived)
  const numbers = again.heard.map(({ sequence }) => sequence)
  const following = numbers.map((_, i) => (numbers[0]! + i) & 0xffff)
  assert.deepEqual(numbers, following)
})

test('M16 garbage into live ports harms nothing', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice)
  a.phone.speak(440)
  await until('b hears a', () => b.phone.tone(TONES) === 440)
  const header = new Uint8Array(12)
  for (let i = 0; i < 3000; i++) {
    const garbage = randomBytes(Math.floor(Math.random() * (i % 50 === 0 ? 3000 : 60)))
    if (i % 3 > 0 && garbage.length >= 12) {
      // Nearly right: the version, payload type, SSRC and numbers of the stream, then anything.
      writeRtpHeader(header, false, [0, 101, 13, 200 & 0x7f][i % 4]!, i, i * 160, a.phone.ssrc)
      garbage.set(header)
      if (i % 3 === 2) garbage[0] = 0x80 | (garbage[12 % garbage.length]! & 0x3f)
    }
    a.phone.raw(garbage)
    if (i % 100 === 0) await pause(5)
  }
  a.phone.quiet()
  await pause(100)
  a.phone.speak(1000)
  await until('b still hears a', () => b.phone.tone(TONES) === 1000)
  assert.equal((await voice.call('status', {})).endpoints, 2)
  assert.ok((await voice.call('endpoint.close', { endpoint: a.endpoint })).packetsRefused > 500)
  assert.equal(await voice.stop(), 0)
})

test('M16 late, doubled and swapped packets and comfort noise pass or vanish without harm', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice)
  const sound = new Uint8Array(160).fill(0x20)
  for (const [sequence, timestamp] of [
    [1, 160],
    [3, 480],
    [2, 320],
    [2, 320],
    [4, 640],
  ] as const) {
    a.phone.sequence = sequence
    a.phone.packet(sound, { timestamp })
  }
  a.phone.packet(Uint8Array.of(40), { payloadType: 13, timestamp: 800 })
  a.phone.packet(new Uint8Array(0), { timestamp: 960 })
  a.phone.sequence = 7
  a.phone.packet(sound, { timestamp: 1120 })
  await until('the last one is there', () => b.phone.heard.length >= 6)
  await pause(50)
  const first = b.phone.heard[0]!
  assert.deepEqual(
    b.phone.heard.map(({ sequence }) => (sequence - first.sequence + 0x10000) & 0xffff),
    [0, 2, 1, 1, 3, 4],
    'comfort noise and what is empty are left out without a hole',
  )
  assert.deepEqual(
    b.phone.heard.map(({ timestamp }) => (timestamp - first.timestamp) >>> 0),
    [0, 320, 160, 160, 480, 960],
  )
})

test('R01, C11 calls come and go without a port, a socket or an endpoint left', async (t) => {
  const voice = await startVoice(t, { first: 21_000, last: 21_079 })
  const rounds = 20
  for (let i = 0; i < rounds; i++) {
    const call = newId('call')
    const endpoints = [newId('med'), newId('med')]
    await Promise.all(endpoints.map((endpoint, j) => voice.call('endpoint.open', { call, endpoint, realm: j ? SUB : 'node' })))
    await Promise.all(endpoints.map((endpoint) => voice.call('endpoint.close', { endpoint })))
  }
  const status = await voice.call('status', {})
  assert.deepEqual(status, { endpoints: 0, calls: 0, portsInUse: 0, portsQuarantined: 2 * rounds })
  assert.equal(voice.opened, 4 * rounds)
  const more = Array.from({ length: 21 }, () => newId('med'))
  const opened = await Promise.allSettled(
    more.map((endpoint) => voice.call('endpoint.open', { call: newId('call'), endpoint, realm: 'node' })),
  )
  assert.equal(opened.filter(({ status }) => status === 'fulfilled').length, 20, 'ports at rest are not given')
  const refused = opened.find((result) => result.status === 'rejected')
  assert.equal(refused?.reason.verdict.code, 'resource-unavailable')
})

test('R02 calls of a switch that is gone keep their sound, and end after 15 s without a claim', {
  timeout: 60_000,
}, async (t) => {
  const voice = await startVoice(t)
  const kept = await joinedLegs(t, voice)
  await openLeg(t, voice, newId('call'), 'node')
  kept.a.phone.speak(440)
  await until('b hears a', () => kept.b.phone.tone(TONES) === 440)
  await voice.loseSwitch()
  const next = voice.connect()
  t.after(() => next.close())
  await next.ready(5000)
  const { endpoints } = await next.call('claim', { calls: [kept.call] })
  assert.deepEqual(endpoints.map(({ endpoint }) => endpoint).sort(), [kept.a.endpoint, kept.b.endpoint].sort())
  assert.equal((await next.call('status', {})).endpoints, 3)
  const deadline = performance.now() + 45_000
  while ((await next.call('status', {})).endpoints > 2 && performance.now() < deadline) await pause(250)
  assert.equal((await next.call('status', {})).endpoints, 2)
  const heard = kept.b.phone.heard
  const gaps = heard.slice(1).map(({ at }, i) => at - heard[i]!.at)
  assert.equal(kept.b.phone.tone(TONES), 440)
  assert.ok(Math.max(...gaps) < 300, `the longest gap was ${Math.max(...gaps)} ms`)
})
