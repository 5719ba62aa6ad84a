import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Framed, StreamFramer } from './stream-framer.ts'

const OPTIONS = 'OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\n'

function told(framed: Framed[]): string[] {
  return framed.map((f) =>
    f.kind === 'message' ? `message ${f.bytes.length}` : f.kind === 'fault' ? `fault ${f.head?.length ?? 0}` : f.kind,
  )
}

test('messages are cut by Content-Length, wherever the stream was torn', () => {
  const messages = [
    `${OPTIONS}Content-Length: 5\r\n\r\nhello`,
    `${OPTIONS}l : 0\r\n\r\n`,
    `${OPTIONS}content-length:3\r\n\r\nabc`,
  ]
  const stream = Buffer.from(messages.join(''))
  for (let step = 1; step < stream.length; step += 7) {
    const framer = new StreamFramer()
    const got: string[] = []
    for (let at = 0; at < stream.length; at += step) {
      for (const f of framer.push(stream.subarray(at, at + step))) got.push(f.kind === 'message' ? f.bytes.toString() : f.kind)
    }
    assert.deepEqual(got, messages)
    assert.equal(framer.pending, false)
  }
})

test('RFC 5626: two empty lines are a ping, one is nothing; neither is part of a message', () => {
  const framer = new StreamFramer()
  assert.deepEqual(told(framer.push(Buffer.from('\r\n'))), [])
  assert.deepEqual(told(framer.push(Buffer.from('\r'))), [])
  assert.deepEqual(told(framer.push(Buffer.from('\n'))), ['ping'])
  const message = `${OPTIONS}Content-Length: 0\r\n\r\n`
  assert.deepEqual(told(framer.push(Buffer.from(`\r\n\r\n${message}\r\n${message}`))), [
    'ping',
    `message ${message.length}`,
    `message ${message.length}`,
  ])
})

test('F07 lengths that are none, too many, too long or contradictory end the stream', () => {
  const cases: [headers: string, head: boolean][] = [
    ['Content-Length: 2147483648\r\n', true],
    ['Content-Length: 99999999999999999999\r\n', true],
    ['Content-Length: -1\r\n', true],
    ['Content-Length: 1e3\r\n', true],
    ['Content-Length: 1\r\nl: 2\r\n', true],
    ['', false],
  ]
  for (const [headers, head] of cases) {
    const framer = new StreamFramer()
    const [fault, ...more] = framer.push(Buffer.from(`${OPTIONS}${headers}\r\n${OPTIONS}Content-Length: 0\r\n\r\n`))
    assert.equal(fault?.kind, 'fault', headers)
    assert.equal(fault.kind === 'fault' && fault.head !== null, head, headers)
    assert.deepEqual(more, [], 'nothing behind it counts')
    assert.deepEqual(framer.push(Buffer.from(`${OPTIONS}Content-Length: 0\r\n\r\n`)), [])
  }
})

test('F07 a head that never ends is given up in bounded memory and linear time', () => {
  const framer = new StreamFramer()
  const before = process.memoryUsage()
  const began = performance.now()
  const octet = Buffer.from('a')
  let faults = 0
  for (let i = 0; i < 200_000; i++) for (const f of framer.push(octet)) faults += f.kind === 'fault' ? 1 : 100
  assert.equal(faults, 1)
  assert.equal(framer.pending, false)
  assert.ok(performance.now() - began < 2000, 'octet by octet is no attack')
  assert.ok(process.memoryUsage().arrayBuffers - before.arrayBuffers < 1 << 20)
})
