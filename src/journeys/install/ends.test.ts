import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultConfig } from '#platform/node/index.ts'
import { endsOf } from './ends.ts'

const { channel: node } = defaultConfig()
const old = { address: '10.9.0.1', peerAddress: '10.9.0.2', mtu: 1400 }

test('a channel has IPv6 as soon as one of its networks has, and keeps what it has got', () => {
  const { address, peerAddress, mtu, ipv6 } = node
  assert.deepEqual(endsOf(node, ['192.168.1.0/24']), { address, peerAddress, mtu })
  assert.deepEqual(endsOf(node, ['192.168.1.0/24', 'fd12::/64']), { address, peerAddress, mtu, ipv6 })
  assert.deepEqual(endsOf(node, ['192.168.1.0/24'], old), old)
  assert.deepEqual(endsOf(node, ['fd12::/64'], old), { ...old, ipv6 })
  const before = { ...old, ipv6: { address: 'fd09::1', peerAddress: 'fd09::2' } }
  assert.deepEqual(endsOf(node, ['fd12::/64'], before), before)
  assert.deepEqual(endsOf(node, ['192.168.1.0/24'], before), old)
})

test('a channel with IPv6 is as wide as IPv6 needs, and one whose only addresses are IPv6 gets no second', () => {
  assert.equal(endsOf({ ...node, mtu: 1200 }, ['fd12::/64']).mtu, 1280)
  assert.equal(endsOf({ ...node, mtu: 1200 }, ['192.168.1.0/24']).mtu, 1200)
  const six = { ...node, address: 'fd09::1', peerAddress: 'fd09::2' }
  assert.equal(endsOf(six, ['fd12::/64']).ipv6, undefined)
})
