import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMessage, type SipRequest } from '#protocol/sip/index.ts'
import { freshSignatures } from './signature.ts'

const NOW = Date.UTC(2026, 10, 27, 3, 0, 0)
const seconds = NOW / 1000

function invite(...headers: string[]): SipRequest {
  const head = ['INVITE sip:1@192.0.2.1 SIP/2.0', 'Via: SIP/2.0/UDP x;branch=z9hG4bK1', 'From: <sip:2@x>;tag=1', 'To: <sip:1@x>']
  const text = [...head, 'Call-ID: 1', 'CSeq: 1 INVITE', ...headers, 'Content-Length: 0', '', ''].join('\r\n')
  return parseMessage(Buffer.from(text)) as SipRequest
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const signed = (payload: object | '') =>
  `${part({ alg: 'ES256', typ: 'passport' })}.${payload === '' ? '' : part(payload)}.c2ln;info=<https://cert.example/c.pem>`
const passed = (...headers: string[]) => freshSignatures(invite(...headers), NOW)

test('F11 a signature goes on while its moment is now, and is left behind a minute before or after', () => {
  for (const [age, goes] of [
    [0, true],
    [59, true],
    [-59, true],
    [61, false],
    [-61, false],
    [86_400, false],
  ] as const) {
    const value = signed({ iat: seconds - age, orig: { tn: '1' }, dest: { tn: ['2'] } })
    assert.deepEqual(passed(`Identity: ${value}`), goes ? [['Identity', value]] : [], `${age} s`)
  }
})

test('F11 Date goes with it, and must be of now and of the signature', () => {
  const value = signed({ iat: seconds })
  const date = (s: number) => new Date(s * 1000).toUTCString()
  assert.deepEqual(passed(`Identity: ${value}`, `Date: ${date(seconds - 5)}`), [
    ['Identity', value],
    ['Date', date(seconds - 5)],
  ])
  assert.deepEqual(passed(`Identity: ${value}`, `Date: ${date(seconds - 3600)}`), [])
  assert.deepEqual(passed(`Identity: ${signed({ iat: seconds - 50 })}`, `Date: ${date(seconds + 50)}`), [])
  assert.deepEqual(passed(`Identity: ${value}`, 'Date: yesterday'), [['Identity', value]], 'a Date that is none says nothing')
  assert.deepEqual(passed(`Date: ${date(seconds)}`), [], 'without a signature no Date goes on')
})

test('F11 the compact form has its moment in Date alone; of several each is judged by itself', () => {
  const date = `Date: ${new Date(NOW).toUTCString()}`
  assert.deepEqual(passed(`Identity: ${signed('')}`), [])
  assert.equal(passed(`Identity: ${signed('')}`, date).length, 2)
  const [old, now] = [signed({ iat: seconds - 600 }), signed({ iat: seconds })]
  assert.deepEqual(passed(`Identity: ${old}`, `y: ${now}`), [['Identity', now]])
  for (const garbled of ['x', 'a.b.c', '..', signed({ iat: 'now' }), signed({})])
    assert.equal(passed(`Identity: ${garbled}`, date)[0]?.[1], garbled, 'what cannot be read is for others to judge')
})
