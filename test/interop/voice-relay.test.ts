import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Id, newId } from '#lib/index.ts'
import type { Realm } from '#platform/words/index.ts'
import { Phone, until } from './voice-phone.ts'
import { addressOf, VoiceProcess } from './voice-process.ts'

const SUB: Id<'sub'> = 'sub_00000000000000000000000000000a01'

export interface Leg {
  endpoint: Id<'med'>
  phone: Phone
}

async function voice(t: TestContext): Promise<VoiceProcess> {
  const process = await VoiceProcess.start()
  t.after(() => process[Symbol.asyncDispose]())
  return process
}

async function leg(
  t: TestContext,
  process: VoiceProcess,
  call: Id<'call'>,
  realm: Realm,
  options: { law?: 'PCMU' | 'PCMA'; events?: number | null; ptimeMs?: number } = {},
): Promise<Leg> {
  const phone = await Phone.open({ address: addressOf(realm), ...(options.law ? { law: options.law } : {}) })
  t.after(() => phone[Symbol.asyncDispose]())
  const endpoint = newId('med')
  phone.towards(await process.call('endpoint.open', { call, endpoint, realm }))
  await process.call('endpoint.describe', { endpoint, description: phone.description(options) })
  return { endpoint, phone }
}

test('two far ends in two realms hear each other, law and event types converted (S50)', async (t) => {
  const process = await voice(t)
  const call = newId('call')
  const a = await leg(t, process, call, 'node', { law: 'PCMU', events: 101 })
  const b = await leg(t, process, call, SUB, { law: 'PCMA', events: 96 })
  await process.call('endpoint.join', { a: a.endpoint, b: b.endpoint })
  a.phone.speak(440)
  b.phone.speak(700)
  await until('b hears a', () => b.phone.tone([440, 700, 1000]) === 440)
  await until('a hears b', () => a.phone.tone([440, 700, 1000]) === 700)
  const b1 = b.phone.heard
  assert.ok(b1.every(({ payloadType }) => payloadType === 8))
  assert.equal(new Set(b1.map(({ ssrc }) => ssrc)).size, 1)
  assert.notEqual(b1[0]!.ssrc, a.phone.ssrc)
  assert.ok(b1[0]!.marker)
  a.phone.quiet()
  a.phone.press('5')
  await until('the digit is told', () => process.told.some(({ name }) => name === 'digit'))
  const events = b.phone.heard.filter(({ payloadType }) => payloadType === 96)
  assert.equal(events.length, 7)
  assert.equal(new Set(events.map(({ timestamp }) => timestamp)).size, 1)
  assert.deepEqual(process.told, [{ name: 'digit', params: { endpoint: a.endpoint, digit: '5', durationMs: 100 } }])
  const stats = await process.call('endpoint.close', { endpoint: a.endpoint })
  assert.ok(stats.packetsReceived > 10 && stats.packetsSent > 10 && stats.packetsRefused === 0)
  assert.equal(await process.stop(), 0)
})
