import assert from 'node:assert/strict'
import { test } from 'node:test'
import { portOf, SOCKADDR_BYTES, writeSockaddr } from '#protocol/posix/index.ts'
import { isPrivate } from './address.ts'
import { Gate } from './gate.ts'

function at(address: string, port: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(SOCKADDR_BYTES))
  writeSockaddr(bytes, 0, address, port)
  return bytes
}

const NAMED = at('198.51.100.7', 4000)
const REBOUND = at('198.51.100.7', 6000)
const STRANGER = at('203.0.113.9', 4000)

/** The answers to packets in a row from one source. */
const row = (gate: Gate, from: Uint8Array, count: number, sequence = 10, ssrc = 1) =>
  Array.from({ length: count }, (_, i) => gate.judge(from, 0, ssrc, sequence + i))

test('F03 the named address enters at once, a stranger never, also before and after', () => {
  const gate = new Gate(NAMED, false)
  assert.deepEqual(row(gate, STRANGER, 20), new Array(20).fill('refused'))
  assert.deepEqual(row(gate, NAMED, 2), ['enter', 'enter'])
  assert.deepEqual(row(gate, STRANGER, 20), new Array(20).fill('refused'))
  assert.deepEqual([...gate.target], [...NAMED])
})

test('M10 another port of the same host is proven by three packets in a row, once', () => {
  const gate = new Gate(NAMED, false)
  assert.deepEqual(row(gate, REBOUND, 4), ['refused', 'refused', 'latched', 'enter'])
  assert.equal(gate.port, 6000)
  assert.deepEqual(row(gate, at('198.51.100.7', 7000), 5), new Array(5).fill('refused'))
})

test('F03 three packets with gaps, of several streams or of several ports prove nothing', () => {
  const gate = new Gate(NAMED, false)
  for (let i = 0; i < 10; i++) {
    assert.equal(gate.judge(REBOUND, 0, 1, i * 2), 'refused')
    assert.equal(gate.judge(REBOUND, 0, i, 100 + i), 'refused')
    assert.equal(gate.judge(at('198.51.100.7', 6000 + i), 0, 1, 200 + i), 'refused')
  }
})

test('F03 once the named address has sent, no other port takes its place', () => {
  const gate = new Gate(NAMED, false)
  row(gate, NAMED, 1)
  assert.deepEqual(row(gate, REBOUND, 5), new Array(5).fill('refused'))
})

test('M10 where the named address can not be reached, another host is proven in the same way, once', () => {
  const gate = new Gate(at('192.168.7.7', 4000), true)
  assert.deepEqual(row(gate, REBOUND, 3), ['refused', 'refused', 'latched'])
  assert.deepEqual(row(gate, STRANGER, 5), new Array(5).fill('refused'))
  assert.deepEqual([...gate.target], [...REBOUND])
})

test('F03 M10 described again, the source may move once more; what it was may still enter, and then nobody else', () => {
  const gate = new Gate(NAMED, false)
  row(gate, REBOUND, 3)
  assert.ok(gate.isOf(NAMED, false) && !gate.isOf(NAMED, true) && !gate.isOf(REBOUND, false))
  gate.again()
  assert.equal(gate.port, 6000, 'it is sent to where it was until something comes')
  assert.deepEqual(row(gate, STRANGER, 5), new Array(5).fill('refused'))
  assert.deepEqual(row(gate, at('198.51.100.7', 7000), 3), ['refused', 'refused', 'latched'])
  gate.again()
  assert.deepEqual(row(gate, at('198.51.100.7', 7000), 1), ['enter'])
  assert.deepEqual(row(gate, REBOUND, 5), new Array(5).fill('refused'))
})

test('control comes from the host that we send to', () => {
  const gate = new Gate(NAMED, false)
  assert.ok(gate.admitsControl(REBOUND, 0))
  assert.ok(!gate.admitsControl(STRANGER, 0))
})

test('addresses of both families are written as the kernel wants them', () => {
  assert.deepEqual([...at('192.0.2.1', 0x1234).subarray(0, 8)], [2, 0, 0x12, 0x34, 192, 0, 2, 1])
  const six = at('2001:db8::1:2', 80)
  assert.deepEqual([...six.subarray(0, 4)], [10, 0, 0, 80])
  assert.equal(Buffer.from(six.subarray(8, 24)).toString('hex'), '20010db8000000000000000000010002')
  assert.equal(Buffer.from(at('::ffff:1.2.3.4', 1).subarray(8, 24)).toString('hex'), '00000000000000000000ffff01020304')
  assert.equal(portOf(six, 0), 80)
  const gate = new Gate(six, false)
  assert.deepEqual(row(gate, at('2001:db8::1:3', 80), 4), new Array(4).fill('refused'))
  assert.deepEqual(row(gate, at('2001:db8::1:2', 81), 3), ['refused', 'refused', 'latched'])
})

test('what is a private address', () => {
  for (const address of [
    '10.1.2.3',
    '172.16.0.1',
    '172.31.9.9',
    '192.168.1.10',
    '100.64.0.1',
    '169.254.1.1',
    'fd00::1',
    'fe80::1',
  ]) {
    assert.ok(isPrivate(address), address)
  }
  for (const address of ['172.32.0.1', '100.128.0.1', '8.8.8.8', '127.0.0.1', '2001:db8::1'])
    assert.ok(!isPrivate(address), address)
})
