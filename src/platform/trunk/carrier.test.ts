import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import type { GatewayConfig } from '#platform/words/index.ts'
import type { SipTarget } from '#protocol/dns/index.ts'
import { orderServers } from './gateway.ts'
import { GatewayHealth } from './health.ts'
import { CallPace } from './pace.ts'
import { backOff, nextRefresh } from './registration.ts'
import { rewrite } from './rewrite.ts'
import type { GatewayServer } from './server.ts'

const gateway = (last: number, more: { priority?: number; weight?: number } = {}) => ({
  address: `192.0.2.${last}`,
  port: 5060,
  ...more,
})

const own = ({ address }: GatewayConfig): SipTarget[] => [target(address)]
const target = (address: string, priority = 0, weight = 0): SipTarget => ({
  ...{ host: address, addresses: [address], port: 5060, transport: 'udp' as const, priority, weight },
})
const none = () => false
const lasts = (servers: GatewayServer[]) => servers.map(({ address }) => address.at(-1)).join('')

/** The same numbers each time. */
function numbers() {
  let seed = 1
  return () => {
    seed = (seed * 16807) % 2147483647
    return seed / 2147483647
  }
}

test('gateways go by priority, then by weight; without either as they are listed; the dead go last', () => {
  const listed = { gateways: [gateway(1), gateway(2), gateway(3)] }
  assert.equal(lasts(orderServers(listed, own, none, Math.random)), '123')
  assert.equal(lasts(orderServers(listed, own, (s) => s.address === '192.0.2.1', Math.random)), '231')
  const shared = {
    gateways: [gateway(9, { priority: 1 }), gateway(1, { priority: 0, weight: 3 }), gateway(2, { priority: 0, weight: 1 })],
  }
  const random = numbers()
  const first = Array.from({ length: 1000 }, () => lasts(orderServers(shared, own, none, random)))
  assert.ok(first.every((order) => order === '129' || order === '219'))
  const threes = first.filter((order) => order === '129').length
  assert.ok(threes > 700 && threes < 800, `weight 3 of 4 came first ${threes} times of 1000`)
})

test('S34 the targets of a name go by priority and weight (RFC 2782), behind a gateway that goes before it; each place once', () => {
  const named = { address: 'carrier.example' }
  const targets = [target('192.0.2.5', 1, 9), target('192.0.2.1', 0, 30), target('192.0.2.2', 0, 10), target('192.0.2.3', 0, 0)]
  const at = (g: GatewayConfig) => (g.address === named.address ? targets : own(g))
  const random = numbers()
  const orders = Array.from({ length: 4000 }, () =>
    lasts(orderServers({ gateways: [named, gateway(2), gateway(8)] }, at, none, random)),
  )
  assert.ok(orders.every((order) => order.length === 5 && order.endsWith('58')))
  const began = (digit: string) => orders.filter((order) => order.startsWith(digit)).length / orders.length
  assert.ok(Math.abs(began('1') - 0.75) < 0.03 && Math.abs(began('2') - 0.25) < 0.03, `${began('1')} ${began('2')}`)
  assert.ok(
    orders.every((order) => order.indexOf('3') === 2),
    'weight 0 comes behind its equals',
  )
  assert.equal(lasts(orderServers({ gateways: [named] }, at, (s) => s.address !== '192.0.2.5', random)).at(0), '5')
  const several = [{ ...target('192.0.2.1'), addresses: ['192.0.2.1', '192.0.2.2'] }]
  const pairs = new Set(Array.from({ length: 50 }, () => lasts(orderServers({ gateways: [named] }, () => several, none, random))))
  assert.deepEqual([...pairs].sort(), ['12', '21'])
})

test('S37 one lost OPTIONS does not mark a gateway down, three in a row do, and any answer brings it back', () => {
  const health = new GatewayHealth()
  health.optionsLost()
  health.optionsLost()
  assert.equal(health.isDown(0), false)
  health.optionsLost()
  assert.equal(health.isDown(0), true)
  health.answered()
  assert.deepEqual([health.isDown(0), health.lost], [false, 0])
  health.silent(1000)
  assert.deepEqual([health.isDown(1000), health.isDown(31_001)], [true, false])
  health.unavailable(40_000, 10_000)
  health.answered()
  assert.deepEqual([health.isDown(49_999), health.isDown(50_000)], [true, false], 'OPTIONS is no call')
  health.unavailable(50_000, 86_400_000)
  assert.deepEqual([health.isDown(349_999), health.isDown(350_000)], [true, false], 'nobody puts itself away for a day')
})

test('calls per second: one second of them at once, then as they come', () => {
  const pace = new CallPace()
  const trunk = { id: newId('trk'), callsPerSecond: 2 }
  assert.deepEqual(
    [0, 0, 0, 400, 500, 500, 9000, 9000, 9000].map((at) => pace.take(trunk, at)),
    [true, true, false, false, true, false, true, true, false],
  )
  assert.equal(pace.take({ id: newId('trk') }, 0), true)
})

test('S57 S44 a registration is refreshed before its end; silence is retried within 30 s, a refusal seldom', () => {
  for (const r of [0, 0.999]) {
    assert.ok(nextRefresh(60, () => r) < 60_000 * 0.86 && nextRefresh(60, () => r) >= 42_000)
    assert.equal(
      nextRefresh(1, () => r),
      5000,
    )
    for (let n = 1; n < 40; n++) assert.ok(backOff(n, 'silent', () => r) <= 30_000)
    assert.ok(backOff(1, 'silent', () => r) <= 1000)
    assert.ok(backOff(1, 'refused', () => r) >= 15_000)
    assert.ok(backOff(9, 'refused', () => r) >= 300_000)
  }
})

test('number rules: the longest prefix counts, once', () => {
  const rules = [
    { prefix: '0', replace: '+32' },
    { prefix: '00', replace: '+' },
    { prefix: '', replace: '+322555' },
  ]
  assert.deepEqual(
    ['0470123456', '0033123456789', '0101', '5'].map((n) => rewrite(n, rules)),
    ['+32470123456', '+33123456789', '+32101', '+3225555'],
  )
  assert.equal(rewrite('112', [{ prefix: '+', replace: '' }]), '112')
  assert.equal(rewrite('112', undefined), '112')
})
