import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseNameAddr, parseVia } from './address.ts'
import { parseMessage } from './parse.ts'
import { isPlainUri, readPlainAddress, readPlainUri, readPlainVia, tagOfPlain } from './plain.ts'
import { parseUri, type SipUri } from './uri.ts'

const BITS = [
  'sip:',
  'sips:',
  'a',
  'B-1',
  '@',
  ':',
  '5060',
  '0',
  '99999',
  ';',
  '=',
  'tag',
  'TAG',
  'x',
  ' ',
  '"',
  '\\',
  '<',
  '>',
  ',',
  '?',
]
const text = (...first: string[]) =>
  fc
    .tuple(fc.constantFrom(...first), fc.array(fc.constantFrom(...BITS), { maxLength: 12 }))
    .map(([start, bits]) => start + bits.join(''))

test('a plain address is one that the parser reads without a fault, with the same tag', () => {
  let plain = 0
  const addresses = text('', '<sip:a@h>', '<sip:a@h', 'sip:a@h:1', '"A" <sip:a@h;x=y>;tag', 'A b <sip:h>;TAG=1')
  fc.assert(
    fc.property(addresses, (value) => {
      const at = tagOfPlain(Buffer.from(value), 0, value.length)
      if (at < 0) return
      plain++
      const address = parseNameAddr(value)
      assert.equal(at === 0 ? undefined : value.slice(at >> 10, (at >> 10) + (at & 1023)), address.tag)
      assert.equal(address.uri.headers, undefined)
    }),
    { numRuns: 5000, seed: 3261 },
  )
  assert.ok(plain > 300, `${plain} of them were plain`)
})

test('a plain address and a plain URI are read as the parser reads them', () => {
  let [addresses, uris] = [0, 0]
  const whole = (uri: SipUri) => ({ ...uri, params: [...uri.params] })
  const values = text(
    '<sip:a@h>',
    '<sip:a@h:5060>;tag=',
    '"A;<b" <sip:a@h>',
    ' A b\t<sip:h>;TAG=1;',
    'sip:a@h',
    'sip:@h',
    'sip:h:1',
  )
  fc.assert(
    fc.property(values, (value) => {
      const address = readPlainAddress(value, Buffer.from(value), 0, value.length)
      if (address) {
        addresses++
        const parsed = parseNameAddr(value)
        assert.deepEqual([address.displayName, address.address, address.tag], [parsed.displayName, parsed.address, parsed.tag])
        assert.deepEqual([...address.params], [...parsed.params])
        assert.deepEqual(whole(address.uri), whole(parsed.uri))
      }
      const uri = readPlainUri(value, Buffer.from(value), 0, value.length)
      if (uri) uris++
      if (uri) assert.deepEqual(whole(uri), whole(parseUri(value)))
    }),
    { numRuns: 5000, seed: 3261 },
  )
  assert.ok(addresses > 200 && uris > 200, `${addresses} and ${uris} of them were plain`)
})

test('what nearly everybody writes is plain', () => {
  for (const address of [
    'sip:sipp@127.0.0.1:5060',
    'sipp <sip:+32470@127.0.0.1:5060>;tag=4711SIPpTag00',
    '"Alice Example" <sip:+3225550199@carrier.example;user=phone>;tag=as6f-1',
    '<sip:+3225550101@203.0.113.5>',
  ])
    assert.ok(tagOfPlain(Buffer.from(address), 0, address.length) >= 0, address)
  for (const uri of ['sip:203.0.113.5', 'sip:100@[::1]', 'sip:a:pw@h', 'sip:%41@h', 'tel:+32', 'sip:a@h?Subject=x'])
    assert.equal(isPlainUri(Buffer.from(uri), 0, uri.length), uri === 'sip:203.0.113.5', uri)
})

test('a plain URI is one that the parser reads without a fault, and without headers', () => {
  fc.assert(
    fc.property(text('sip:', 'sip:a@', 'sip:h:1'), (uri) => {
      if (isPlainUri(Buffer.from(uri), 0, uri.length)) assert.equal(parseUri(uri).headers, undefined)
    }),
    { numRuns: 5000, seed: 3261 },
  )
})

test('a plain Via says what the parser reads in it', () => {
  const bits = ['h', '1.2.3.4', ':', '5060', ';', '=', 'branch', 'Branch', 'rport', 'received', 'z9hG4bK', ',', ' ', '"']
  const vias = fc.array(fc.constantFrom(...bits), { maxLength: 14 }).map((all) => `SIP/2.0/UDP h${all.join('')}`)
  fc.assert(
    fc.property(vias, (value) => {
      const plain = readPlainVia(value, Buffer.from(value), 0, value.length)
      if (!plain) return
      assert.deepEqual(plain, parseVia(value))
    }),
    { numRuns: 5000, seed: 3261 },
  )
})

test('how many Vias there are is told of those that nobody can read as well', () => {
  for (const [line, count] of [
    ['Via: nonsense', 1],
    ['Via: ', 0],
    ['Via: SIP/2.0/UDP h;x', 1],
    ['Via: nonsense, more', 2],
  ] as const)
    for (const end of ['\r\n', '\n']) {
      const response = parseMessage(Buffer.from(['SIP/2.0 200 OK', line, 'CSeq: 1 BYE', '', ''].join(end)))
      assert.equal(response.vias, count, `${line} before ${JSON.stringify(end)}`)
    }
})

test('a head that is written in an unusual manner says the same', () => {
  const usual = [
    'INVITE sip:b@h SIP/2.0',
    'Via: SIP/2.0/UDP h:5070;branch=z9hG4bK1;rport',
    'From: "A" <sip:a@h>;tag=1',
    'To: <sip:b@h>',
    'Call-ID: 1@h',
    'CSeq: 1 INVITE',
    'Subject: x y',
    'X-Other: 1',
  ]
  const folded = usual.map((line) => line.replace(/ (?=<|h:|y)/, '\r\n\t'))
  const bytes = [`${usual.join('\r\n')}\r\n\r\n`, `${usual.join('\n')}\n\n`, `${folded.join('\r\n')}\r\n\r\n`].map((head) =>
    Buffer.from(head),
  )
  const [first, ...others] = bytes.map((head) => {
    const m = parseMessage(head)
    const { fromTag, toTag, callId, cseq, via } = m
    return [
      fromTag,
      toTag,
      callId,
      cseq,
      via.host,
      via.port,
      via.rport,
      m.from.address,
      m.headers('subject'),
      m.headers('x-other'),
    ]
  })
  assert.deepEqual(first, ['1', undefined, '1@h', { sequence: 1, method: 'INVITE' }, 'h', 5070, true, 'sip:a@h', ['x y'], ['1']])
  for (const other of others) assert.deepEqual(other, first)
})
