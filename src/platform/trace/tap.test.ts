import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, TurnedClock } from '#lib/index.ts'
import type { SeenMessage } from '#platform/words/index.ts'
import { kept } from './redact.ts'
import { type DialogOwner, Tap, type TraceSink } from './tap.ts'
import { visibleToSubscriber } from './visible.ts'

const AT = { address: '192.0.2.1', port: 5060 }

function seen(direction: 'in' | 'out', is: string | number, fromTag: string, callId = 'x'): SeenMessage {
  const bytes = Buffer.from(`${is} ${direction} ${fromTag}`)
  return { realm: 'node', direction, bytes, description: 0, is, callId, fromTag, transport: 'udp', local: AT, peer: AT }
}

function tapped() {
  const clock = new TurnedClock()
  const messages: { owner: DialogOwner; content: string }[] = []
  const sink: TraceSink = {
    message: (_seen, content, _wall, { owner }) => void messages.push({ owner, content: Buffer.from(content).toString() }),
  }
  const tap = new Tap({ clock, sinks: [sink] })
  const told = () => messages.map(({ owner, content }) => `${owner.direction}: ${content}`)
  const calls = () => messages.map(({ owner }) => owner.call)
  return { clock, tap, told, calls }
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

test('a dialog is remembered for 32 s after its call, and for no longer than twice that', () => {
  const { tap, told, clock } = tapped()
  const first = owner('in', 'a')
  tap.own(first)
  tap.over(first.call)
  clock.turn(31_000)
  tap.see(seen('in', 'BYE', 'a'))
  assert.equal(told().length, 1)
  clock.turn(33_000)
  tap.over(newId('call'))
  assert.equal(tap.size, 0)
  tap.see(seen('in', 'BYE', 'a'))
  assert.equal(told().length, 1)
})

test('O03 a call is its own subscriber’s alone, while it is up and for at least 32 s, at most 64', () => {
  const { tap, clock } = tapped()
  const leg = owner('in', 'a')
  assert.equal(tap.isCallOf(leg.call, leg.subscriber), false)
  tap.own(leg)
  assert.deepEqual([tap.isCallOf(leg.call, leg.subscriber), tap.isCallOf(leg.call, newId('sub'))], [true, false])
  tap.over(leg.call)
  clock.turn(31_000)
  tap.over(newId('call'))
  assert.equal(tap.isCallOf(leg.call, leg.subscriber), true)
  clock.turn(33_000)
  tap.over(newId('call'))
  assert.equal(tap.isCallOf(leg.call, leg.subscriber), false)
})

test('a flood that belongs to no call keeps nothing but the newest 64', () => {
  const { tap, told } = tapped()
  for (let i = 0; i < 1000; i++) tap.see(seen('in', 'INVITE', 'a', `call-${i}`))
  for (let i = 0; i < 1000; i++) tap.own({ ...owner('in', 'a'), callId: `call-${i}` })
  assert.equal(told().length, 64)
})

test('a leg that goes over to another call is in the trace of that one from then on, also long after the former has ended', () => {
  const { tap, clock, calls } = tapped()
  const former = owner('in', 'a')
  const later = { ...former, call: newId('call') }
  tap.own(former)
  tap.see(seen('in', 'INVITE', 'a'))
  tap.own(later)
  tap.see(seen('in', 'INFO', 'a'))
  assert.equal(tap.isCallOf(former.call, former.subscriber), true, 'whose only leg has gone')
  tap.over(former.call)
  clock.turn(70_000)
  tap.own({ ...owner('in', 'c'), callId: 'y' })
  tap.see(seen('in', 'BYE', 'a'))
  assert.deepEqual(calls(), [former.call, later.call, later.call])
  assert.equal(tap.isCallOf(later.call, later.subscriber), true)
  tap.over(later.call)
  tap.over(later.call)
  clock.turn(70_000)
  tap.over(newId('call'))
  assert.equal(tap.size, 1, 'of the call that is up')
})

test('a call that is up is known however long it takes, and what is over beside it is not', () => {
  const { tap, told, clock } = tapped()
  const long = owner('in', 'a')
  tap.own(long)
  for (let i = 0; i < 10; i++) {
    const short = { ...owner('in', 'b'), callId: `short-${i}` }
    tap.own(short)
    tap.over(short.call)
    clock.turn(20_000)
  }
  tap.see(seen('in', 'BYE', 'a'))
  tap.see(seen('in', 'BYE', 'b', 'short-9'))
  tap.see(seen('in', 'BYE', 'b', 'short-4'))
  assert.deepEqual(told(), ['in: BYE in a', 'in: BYE in b'])
  assert.ok(tap.size < 6, `${tap.size}`)
})

test('a Call-ID that its caller uses again, with another tag, is the later call’s', () => {
  const { tap, calls } = tapped()
  const [first, second] = [owner('in', 'a'), owner('in', 'b')]
  tap.see(seen('in', 'INVITE', 'a'))
  tap.own(first)
  tap.over(first.call)
  tap.see(seen('in', 'INVITE', 'b'))
  tap.own(second)
  tap.see(seen('out', 200, 'b'))
  tap.see(seen('in', 'BYE', 'b'))
  assert.deepEqual(calls(), [first.call, second.call, second.call, second.call])
})

const MESSAGE = [
  'INVITE sip:a@b SIP/2.0',
  'AUTHORIZATION : Digest username="u",',
  '  response="deadbeef"',
  'proxy-authorization: Digest response="deadbeef"',
  'Content-Type: application/sdp',
  '',
  'v=0',
  'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:deadbeef',
  'm=audio 1 RTP/AVP 0',
]

test('F15 no credential, media key or private body is kept', () => {
  for (const end of ['\r\n', '\n']) {
    const text = redacted(MESSAGE.join(end), null)
    assert.doesNotMatch(text, /deadbeef|username/)
    assert.match(text, /m=audio 1 RTP\/AVP 0$/)
  }
  // Whatever the parser takes for the end of a name, and for a value's going on.
  for (const name of ['Authorization\r\n ', 'Authorization\n\t', 'authorization\v', 'Authentication-Info\f \u00a0'])
    for (const value of ['Digest response="deadbeef"', 'Digest\r\n \r\n response="deadbeef"', 'Digest\r response="deadbeef"']) {
      const head = `OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n${name}:${value}\r\nCall-ID: y\r\n\r\n`
      const text = redacted(head, null)
      assert.doesNotMatch(text, /deadbeef/, JSON.stringify(head))
      assert.ok(text.endsWith(': (removed)\r\nCall-ID: y\r\n\r\n'), JSON.stringify(text))
    }
  const private_ = 'Content-Type: application/dtmf-relay\r\n\r\nSignal=7'
  assert.doesNotMatch(redacted(`INFO sip:a@b SIP/2.0\r\n${private_}`, null), /Signal/)
})

test('F15 of a message whose headers hold none, what is said to be a session description is looked through for keys, and is one', () => {
  const head = 'INVITE sip:a@b SIP/2.0\r\nc: application/sdp\r\n\r\n'
  const key = (line: string) => `v=0\r\nm=audio 1 RTP/AVP 0\r\n${line}`
  const secrets = [
    ...['a=crypto:1 X inline:deadbeef', 'A=Crypto:1 X inline:deadbeef', 'k=clear:deadbeef', 'K=base64:deadbeef'],
    ...['a=key-mgmt:mikey deadbeef', 'a=ice-pwd:deadbeef', 'a=acap:1 crypto:1 X inline:deadbeef'],
  ].flatMap((line) => [
    key(line),
    key(line).replaceAll('\r\n', '\n'),
    key(line).replaceAll('\r\n', '\r'),
    `${key('a=x')}\n${line}\r\na=y`,
  ])
  for (const body of [...secrets, 'Signal=deadbeef', ' v=0\r\nk=clear:deadbeef'])
    assert.doesNotMatch(redacted(head + body, body.length), /deadbeef/, JSON.stringify(body))
  for (const line of ['a=rtpmap:0 PCMU/8000', 'a=candidate:1 1 UDP 1 192.0.2.1 1 typ host', 'a=inactive', 'b=AS:64']) {
    const message = Buffer.from(`${head}${key(line)}\r\n`)
    assert.equal(kept({ bytes: message, description: key(line).length + 2 }), message, 'as it is where there is nothing to hide')
  }
  const plain = Buffer.from('OPTIONS sip:a@b SIP/2.0\r\n\r\n')
  for (const description of [0, null]) assert.equal(kept({ bytes: plain, description }), plain)
})

test('F15 a head ends with its first empty line, however that is written, also where another one is in its body', () => {
  for (const end of ['\n\n', '\r\n\r\n', '\n\r\n', '\r\n\n']) {
    const head = `INFO sip:a@b SIP/2.0\nContent-Type: application/dtmf-relay${end}`
    assert.doesNotMatch(redacted(`${head}Signal=7\r\n\r\nSignal=8`, null), /Signal/, JSON.stringify(head))
    const text = redacted(`${head.replace('dtmf-relay', 'sdp')}v=0\r\nAuthorization: Digest deadbeef\r\n\r\nm=audio`, null)
    assert.doesNotMatch(text, /deadbeef/, JSON.stringify(head))
    assert.match(text, /m=audio$/)
  }
})

function redacted(message: string, description: number | null): string {
  return Buffer.from(kept({ bytes: Buffer.from(message), description })).toString()
}

test('a subscriber sees no address, host or product of the carrier, and its own side whole', () => {
  const message = [
    'INVITE sip:+32255@192.0.2.9:5060 SIP/2.0',
    'Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa',
    'From: <sip:+32470@sbc.carrier.example>;tag=a',
    'To: <sip:sbc.carrier.example;user=phone>',
    'Call-ID: abc@198.51.100.7',
    'User-Agent: CarrierBox 7',
    'Contact: <sip:198.51.100.7>',
    'Content-Type: application/sdp',
    '',
    'o=- 1 1 IN IP4 198.51.100.8',
    'c=IN IP4 198.51.100.8',
    'm=audio 4000 RTP/AVP 0',
    'c=IN IP4 sbc.carrier.example',
    'a=rtcp:4001 IN IP6 sbc.carrier.example',
  ].join('\r\n')
  const entry = { at: '2026-11-23T00:00:00.000Z', kind: 'sip' as const, direction: 'in' as const, transport: 'udp', message }
  const site = { ...entry, realm: newId('sub'), local: '10.0.0.1:5060', peer: '192.168.1.10:5060' }
  const trunk = { ...entry, realm: 'node' as const, local: '192.0.2.9:5060', peer: '198.51.100.7:5060' }
  const trace = { call: newId('call'), subscriber: newId('sub'), dropped: 0, entries: [site, trunk] }
  assert.deepEqual(visibleToSubscriber(trace).entries[0], site)
  // Some end their lines with LF alone.
  for (const said of [message, message.replaceAll('\r\n', '\n')]) {
    const [carrier] = visibleToSubscriber({ ...trace, entries: [{ ...trunk, message: said }] }).entries
    assert.doesNotMatch(JSON.stringify(carrier), /198\.51|192\.0\.2|carrier\.example|CarrierBox/)
    assert.match(JSON.stringify(carrier), /INVITE sip:\+32255@.*From: <sip:\+32470@.*m=audio 4000/)
  }
})
