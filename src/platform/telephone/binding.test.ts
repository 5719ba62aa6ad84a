import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Binding } from '#platform/words/index.ts'
import { parseMessage, type SipRequest } from '#protocol/sip/index.ts'
import { boundContacts, register } from './binding.ts'

const NOW = 1_000_000
const UDP: Binding['hop'] = { transport: 'udp', address: '10.0.0.7', port: 5060 }
const TLS: Binding['hop'] = { transport: 'tls', address: '10.0.0.7', port: 40_001, flow: 'a' }
const MARK = ';+sip.instance="<urn:uuid:1>";reg-id=1'

function request(contacts: string[], { callId = 'one', sequence = 1 } = {}): SipRequest {
  const head = ['REGISTER sip:10.0.0.1 SIP/2.0', `Call-ID: ${callId}`, `CSeq: ${sequence} REGISTER`, 'Expires: 60']
  return parseMessage(
    Buffer.from([...head, ...contacts.map((c) => `Contact: ${c}`), 'Content-Length: 0', '', ''].join('\r\n')),
  ) as SipRequest
}

function bound(bindings: readonly Binding[], of: SipRequest, hop: Binding['hop']): Binding[] {
  const result = register(bindings, of, hop, NOW)
  assert.ok('bindings' in result, JSON.stringify(result))
  return result.bindings
}

test('S42 whoever registers by a connection is bound to it, whoever does by datagrams is not', () => {
  assert.equal(bound([], request(['<sip:101@10.0.0.7>']), TLS)[0]!.hop.bound, true)
  assert.equal(bound([], request(['<sip:101@10.0.0.7>']), UDP)[0]!.hop.bound, undefined)
})

test('S42 by a connection, which no restart outlasts, a telephone is there for two minutes at most, by datagrams for an hour', () => {
  const asked = request(['<sip:101@10.0.0.7>;expires=7200'])
  const seconds = (hop: Binding['hop']) => (bound([], asked, hop)[0]!.expiresAt - NOW) / 1000
  assert.deepEqual([seconds(TLS), seconds(UDP)], [120, 3600])
  assert.deepEqual(boundContacts(bound([], asked, TLS), NOW)[0]![1], '<sip:101@10.0.0.7>;expires=120')
})

test('RFC 5626 §6: the same instance and flow of a telephone is one binding, another flow or telephone is another', () => {
  const first = bound([], request([`<sip:101@10.0.0.7:40001;transport=tls>${MARK}`]), TLS)
  const back = request([`<sip:101@10.0.0.7:40002;transport=tls>${MARK}`], { callId: 'two' })
  const second = bound(first, back, { ...TLS, port: 40_002, flow: 'b' })
  assert.deepEqual(
    second.map(({ hop }) => hop.flow),
    ['b'],
  )
  assert.deepEqual(boundContacts(second, NOW), [['Contact', `<sip:101@10.0.0.7:40002;transport=tls>${MARK};expires=60`]])
  for (const mark of ['', ';+sip.instance="<urn:uuid:1>";reg-id=2', ';+sip.instance="<urn:uuid:2>";reg-id=1'])
    assert.equal(bound(first, request([`<sip:101@10.0.0.7:40003>${mark}`]), TLS).length, 2, mark)
})

test('F09 a mark that could break out of its header is no mark', () => {
  const marks = [
    ';+sip.instance="<urn:x\\"y>";reg-id=1',
    ';+sip.instance="no brackets";reg-id=1',
    ';+sip.instance="<u>";reg-id=x',
  ]
  for (const mark of marks) {
    const [only] = bound([], request([`<sip:101@10.0.0.7>${mark}`]), TLS)
    assert.equal(only!.instance, undefined, mark)
  }
})
