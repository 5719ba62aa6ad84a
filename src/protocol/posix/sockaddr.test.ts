import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSockaddr, SOCKADDR_BYTES, writeSockaddr } from './sockaddr.ts'

/** What is written over old bytes, as hexadecimal digits. */
function written(address: string, port = 5060): string {
  const bytes = new Uint8Array(SOCKADDR_BYTES + 1).fill(0xff)
  const length = writeSockaddr(bytes, 1, address, port)
  return Buffer.from(bytes.subarray(1, 1 + length)).toString('hex')
}

test('an address of either family stands as the kernel reads it, over whatever was there', () => {
  assert.equal(written('192.0.2.255', 65535), `0200ffffc00002ff${'00'.repeat(8)}`)
  assert.equal(written('0.0.0.0'), `020013c4${'00'.repeat(12)}`)
  assert.equal(written('2001:db8::7'), `0a0013c40000000020010db8${'00'.repeat(11)}0700000000`)
  assert.equal(written('::ffff:192.0.2.1'), `0a0013c400000000${'00'.repeat(10)}ffffc000020100000000`)
})

test('what is no plain address has no length', () => {
  const others = [
    '',
    '.',
    '1.2.3',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '1.2.3.0004',
    '010.2.3.4',
    '1.2.3.00',
    '1.2.3.a',
    'sip.example',
    '::g',
    'fe80::1%lo',
  ]
  assert.deepEqual(
    others.filter((address) => written(address) !== ''),
    [],
  )
})

test('what was written is read again', () => {
  const bytes = new Uint8Array(SOCKADDR_BYTES + 1)
  const six = [
    '2001:db8::7',
    '::',
    '::1',
    '1::',
    '1:0:2::3',
    '1::2:0:0:3',
    '1:2:3:4:5:6:7:0',
    '::ffff:192.0.2.1',
    '1:0:2:3:4:5:6:7',
  ]
  for (const address of ['192.0.2.255', '0.0.0.0', ...six, '10::10:0:0:0', '::10:0:0', 'fe80::a00:1']) {
    writeSockaddr(bytes, 1, address, 65_535)
    assert.deepEqual(readSockaddr(bytes, 1), { address, port: 65_535 })
  }
})
