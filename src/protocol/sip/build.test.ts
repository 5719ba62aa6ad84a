import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatNameAddr, parseNameAddr, withoutTag } from './address.ts'
import { buildRequest, buildResponse } from './build.ts'
import { SipTextRefused } from './failure.ts'
import { SipRequest, SipResponse } from './message.ts'
import { parseMessage } from './parse.ts'
import { formatUri, parseUri } from './uri.ts'

const PARTS = {
  method: 'INVITE',
  uri: 'sip:b@10.0.0.2',
  via: 'SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1',
  from: '<sip:a@10.0.0.1>;tag=1',
  to: '<sip:b@10.0.0.2>',
  callId: 'c1',
  sequence: 1,
}

function parsed(bytes: Uint8Array): SipRequest {
  const message = parseMessage(bytes)
  assert.ok(message instanceof SipRequest)
  return message
}

test('S56 any display name and any user come back unchanged, and bring no line of their own', () => {
  const nasty = [
    'trailing\\',
    '"',
    '""',
    'Müller 😀',
    "O'Neil",
    ' lead',
    'a  b',
    '<sip:x@y>',
    'a,b;c',
    'tag=1',
    '\t',
    '%41',
    '张三',
  ]
  const text = fc.oneof(fc.constantFrom(...nasty), fc.string({ unit: 'binary', maxLength: 30 }))
  fc.assert(
    fc.property(text, text, (displayName, user) => {
      const from = `${formatNameAddr({ displayName, uri: { user, host: 'h.example' } })};tag=77`
      const request = parsed(buildRequest({ ...PARTS, from }).bytes)
      assert.equal(request.from.displayName, displayName.replace(/[\r\n\0]+/g, ' ').toWellFormed())
      assert.equal(request.from.uri.user ?? '', user.toWellFormed())
      assert.equal(request.from.tag, '77')
      assert.equal(request.headers('from').length, 1)
      assert.equal(request.callId, 'c1')
    }),
    { numRuns: 1000, seed: 56 },
  )
})

test('S56 users with +, *, # and escapes keep their meaning', () => {
  for (const user of ['+3225550101', '*72', '100#', 'a%b', 'j;phone-context=x', '1 2', 'é']) {
    assert.equal(parseUri(formatUri({ user, host: '192.0.2.1', port: 5060 })).user, user)
  }
  assert.equal(
    formatUri({ user: '1', host: '2001:db8::1', params: { transport: 'udp', lr: '' } }),
    'sip:1@[2001:db8::1];transport=udp;lr',
  )
  assert.equal(parseUri('tel:+32-2-555;phone-context=x').user, '+32-2-555')
})

test('F09 CR, LF and NUL are refused wherever they would break out', () => {
  for (const evil of ['x\r\nEvil: 1', 'x\nEvil: 1', 'x\rEvil: 1', 'x\0']) {
    const attempts: (() => unknown)[] = [
      () => buildRequest({ ...PARTS, from: evil }),
      () => buildRequest({ ...PARTS, to: evil }),
      () => buildRequest({ ...PARTS, uri: `sip:${evil}@h` }),
      () => buildRequest({ ...PARTS, callId: evil }),
      () => buildRequest({ ...PARTS, contact: evil }),
      () => buildRequest({ ...PARTS, routes: [evil] }),
      () => buildRequest({ ...PARTS, method: evil }),
      () => buildRequest({ ...PARTS, headers: [['X-A', evil]] }),
      () => buildRequest({ ...PARTS, headers: [[evil, 'x']] }),
      () => buildRequest({ ...PARTS, headers: [['X A', 'x']] }),
      () => buildRequest({ ...PARTS, body: { type: evil, content: '' } }),
      () => buildResponse(parsed(buildRequest(PARTS).bytes), { status: 200, reason: evil }),
      () => buildResponse(parsed(buildRequest(PARTS).bytes), { status: 200, headers: [['Reason', evil]] }),
    ]
    for (const attempt of attempts) assert.throws(attempt, SipTextRefused, attempt.toString())
  }
  assert.throws(() => formatUri({ user: 'a', host: 'h>\r\nEvil: 1' }))
  assert.throws(() => formatNameAddr({ uri: 'sip:a@b>\r\nEvil: 1' }))
})

test('a response copies what RFC 3261 §8.2.6.2 says, and adds its tag once', () => {
  const headers = [
    ['Record-Route', '<sip:p1;lr>'],
    ['Record-Route', '<sip:p2;lr>'],
  ] as const
  const via = 'SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK2, SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1'
  const request = parsed(buildRequest({ ...PARTS, via, headers, body: { type: 'application/sdp', content: 'v=0 é\r\n' } }).bytes)
  assert.equal(request.header('content-length'), String(request.body.length))
  const body = { type: 'application/sdp', content: new Uint8Array([1, 0, 2]) }
  const response = parseMessage(buildResponse(request, { status: 200, toTag: 't', recordRoute: true, body }).bytes)
  assert.ok(response instanceof SipResponse)
  assert.equal(response.list('via').length, 2)
  assert.deepEqual(response.recordRoutes, ['<sip:p1;lr>', '<sip:p2;lr>'])
  assert.deepEqual([response.from.tag, response.to.tag, response.callId, response.cseq.sequence], ['1', 't', 'c1', 1])
  assert.deepEqual([...response.body], [1, 0, 2])
  const tagged = parsed(buildRequest({ ...PARTS, to: '<sip:b@10.0.0.2>;tag=old' }).bytes)
  assert.equal(parseMessage(buildResponse(tagged, { status: 200, toTag: 't' }).bytes).to.tag, 'old')
})

test('a tag is taken out of a header, and nothing else', () => {
  assert.equal(withoutTag('"a;tag=1" <sip:a;tag=2@b;tag=3>;x=1; tag = 4;y'), '"a;tag=1" <sip:a;tag=2@b;tag=3>;x=1;y')
  assert.equal(withoutTag('sip:a@b;tag=1'), 'sip:a@b')
  assert.equal(withoutTag('sip:a@b'), 'sip:a@b')
  assert.equal(parseNameAddr('sip:a@b;tag=1').tag, '1')
})
