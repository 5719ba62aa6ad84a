import assert from 'node:assert/strict'
import { test } from 'node:test'
import { channelState } from './state.ts'

const peer = { publicKey: 'k', endpoint: null, latestHandshake: null, receivedBytes: 0, sentBytes: 0 }
const at = (latestHandshake: number | null, nowSeconds: number, more = {}) =>
  channelState({ fault: null, peer: { ...peer, latestHandshake, ...more }, nowSeconds })

test('a channel that nobody has called is provisioned, and connecting once packets come without a handshake', () => {
  assert.equal(at(null, 1000).state, 'provisioned')
  assert.match(at(null, 1000, { receivedBytes: 148 }).reason, /compare the keys/)
  assert.match(at(null, 1000, { sentBytes: 148 }).reason, /called at the address that it had last/)
})

test('it is up for 180 s after a handshake, then stale, and up again with the next one', () => {
  assert.deepEqual([at(1000, 1000).state, at(1000, 1180).state, at(1000, 1181).state], ['up', 'up', 'stale'])
  assert.equal(at(1181, 1182).state, 'up')
})

test('a clock that was set back gives no negative age (T06)', () => {
  assert.deepEqual(at(5000, 1000).age, 0)
})

test('without a tunnel it is down, for the reason that is known', () => {
  const { state, reason } = channelState({ fault: 'wireguard-go ended (SIGKILL): ', peer: null, nowSeconds: 1 })
  assert.deepEqual([state, reason], ['down', 'wireguard-go ended (SIGKILL): '])
})
