import assert from 'node:assert/strict'
import { test } from 'node:test'
import { channelState } from './state.ts'

const peer = { publicKey: 'k', endpoint: null, latestHandshake: null, receivedBytes: 0, sentBytes: 0 }
const at = (ageSeconds: number | null, more = {}) => channelState({ fault: null, peer: { ...peer, ...more }, ageSeconds })

test('a channel that nobody has called is provisioned, and connecting once packets come without a handshake', () => {
  assert.equal(at(null).state, 'provisioned')
  assert.match(at(null, { receivedBytes: 148 }).reason, /compare the keys/)
  assert.match(at(null, { sentBytes: 148 }).reason, /called at the address that it had last/)
})

test('it is up for 180 s after a handshake, then stale, and up again with the next one', () => {
  assert.deepEqual([at(0).state, at(180).state, at(181).state], ['up', 'up', 'stale'])
  assert.equal(at(1.7).age, 1)
})

test('without a tunnel it is down, for the reason that is known', () => {
  const { state, reason } = channelState({ fault: 'wireguard-go ended (SIGKILL): ', peer: null, ageSeconds: 1 })
  assert.deepEqual([state, reason], ['down', 'wireguard-go ended (SIGKILL): '])
})
