import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, TurnedClock } from '#lib/index.ts'
import type { SeenMessage } from '#platform/words/index.ts'
import { redact } from './redact.ts'
import { type CallMessage, Tap } from './tap.ts'
import { visibleToSubscriber } from './visible.ts'

const AT = { address: '192.0.2.1', port: 5060 }

function seen(direction: 'in' | 'out', is: string | number, fromTag: string, callId = 'x'): SeenMessage {
  const content = `${is} ${direction} ${fromTag}`
  return { realm: 'node', direction, content, is, callId, fromTag, transport: 'udp', local: AT, peer: AT }
}

function tapped() {
  const clock = new TurnedClock()
  const messages: CallMessage[] = []
  const tap = new Tap({ clock, sinks: [{ message: (message) => void messages.push(message) }] })
  const told = () => messages.map(({ owner, content }) => `${owner.direction}: ${content}`)
  return { clock, tap, told }
}

const owner = (direction: 'in' | 'out', callerTag?: string) => ({
  ...{ realm: 'node' as const, callId: 'x', direction, callerTag },
  ...{ call: newId('call'), leg: newId('leg'), subscriber: newId('sub') },
})

test('O03 the first INVITE of a leg is its call’s, although it came before anybody knew the call', () => {
  const { tap, told } = tapped()
  tap.see(seen('in', 'OPTIONS', 'z', 'other'))
  tap.see(seen('in', 'INVITE', 'a'))
  tap.see(seen('out', 100, 'a'))
  tap.own(owner('in', 'a'))
  tap.see(seen('out', 'BYE', 'b'))
  assert.deepEqual(told(), ['in: INVITE in a', 'in: 100 out a', 'in: BYE out b'])
})

test('our own INVITE that a carrier sends back to us is on both calls, each with its own messages', () => {
  const { tap, told } = tapped()
  tap.see(seen('out', 'INVITE', 'a'))
  tap.own(owner('out'))
  tap.see(seen('in', 'INVITE', 'a'))
  tap.own(owner('in', 'a'))
  tap.see(seen('out', 200, 'a'))
  tap.see(seen('in', 200, 'a'))
  tap.see(seen('in', 'BYE', 'b'))
  tap.see(seen('out', 'BYE', 'b'))
  assert.deepEqual(told(), [
    'out: INVITE out a',
    'in: INVITE in a',
    'in: 200 out a',
    'out: 200 in a',
    'out: BYE in b',
    'in: BYE out b',
  ])
})

test('a dialog is remembered for 32 s after its call, and no longer', () => {
  const { tap, told, clock } = tapped()
  const first = owner('in', 'a')
  tap.own(first)
  tap.over(first.call)
  clock.turn(31_000)
  tap.see(seen('in', 'BYE', 'a'))
  assert.equal(told().length, 1)
  clock.turn(2000)
  tap.over(newId('call'))
  assert.equal(tap.size, 0)
})

test('a flood that belongs to no call keeps nothing but the newest 64', () => {
  const { tap, told } = tapped()
  for (let i = 0; i < 1000; i++) tap.see(seen('in', 'INVITE', 'a', `call-${i}`))
  for (let i = 0; i < 1000; i++) tap.own({ ...owner('in', 'a'), callId: `call-${i}` })
  assert.equal(told().length, 64)
})

test('F15 no credential, media key or private body is kept', () => {
  const message = [
    'INVITE sip:a@b SIP/2.0',
    'AUTHORIZATION : Digest username="u",',
    '  response="deadbeef"',
    'proxy-authorization: Digest response="deadbeef"',
    'Content-Type: application/sdp',
    '',
    'v=0',
    'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:deadbeef',
    'm=audio 1 RTP/AVP 0',
  ].join('\r\n')
  const kept = redact(Buffer.from(message)).toString()
  assert.doesNotMatch(kept, /deadbeef|username/)
  assert.match(kept, /m=audio 1 RTP\/AVP 0$/)
  const info = 'INFO sip:a@b SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=7'
  assert.doesNotMatch(redact(Buffer.from(info)).toString(), /Signal/)
  const plain = Buffer.from('OPTIONS sip:a@b SIP/2.0\r\n\r\n')
  assert.equal(redact(plain), plain, 'as it is where there is nothing to hide')
})

test('a subscriber sees no address, host or product of the carrier, and its own side whole', () => {
  const message = [
    'INVITE sip:+32255@192.0.2.9:5060 SIP/2.0',
    'Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa',
    'From: <sip:+32470@sbc.carrier.example>;tag=a',
    'Call-ID: abc@198.51.100.7',
    'User-Agent: CarrierBox 7',
    'Contact: <sip:198.51.100.7>',
    'Content-Type: application/sdp',
    '',
    'o=- 1 1 IN IP4 198.51.100.8',
    'c=IN IP4 198.51.100.8',
    'm=audio 4000 RTP/AVP 0',
  ].join('\r\n')
  const entry = { at: '2026-11-23T00:00:00.000Z', kind: 'sip' as const, direction: 'in' as const, transport: 'udp', message }
  const site = { ...entry, realm: newId('sub'), local: '10.0.0.1:5060', peer: '192.168.1.10:5060' }
  const trunk = { ...entry, realm: 'node' as const, local: '192.0.2.9:5060', peer: '198.51.100.7:5060' }
  const trace = { call: newId('call'), subscriber: newId('sub'), dropped: 0, entries: [site, trunk] }
  const [own, carrier] = visibleToSubscriber(trace).entries
  assert.deepEqual(own, site)
  assert.doesNotMatch(JSON.stringify(carrier), /198\.51|192\.0\.2|carrier\.example|CarrierBox/)
  assert.match(JSON.stringify(carrier), /INVITE sip:\+32255@.*From: <sip:\+32470@.*m=audio 4000/)
})
