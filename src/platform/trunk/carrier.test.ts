import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import { orderGateways } from './gateway.ts'
import { GatewayHealth } from './health.ts'
import { CallPace } from './pace.ts'
import { backOff, nextRefresh } from './registration.ts'
import { rewrite } from './rewrite.ts'

const gateway = (last: number, more: { priority?: number; weight?: number } = {}) => ({
  address: `192.0.2.${last}`,
  port: 5060,
  ...more,
})

test('gateways go by priority, then by weight; without either as they are listed; the dead go last', () => {
  const none = () => false
  const listed = { gateways: [gateway(1), gateway(2), gateway(3)] }
  assert.deepEqual(orderGateways(listed, none, Math.random), listed.gateways)
  assert.deepEqual(
    orderGateways(listed, (g) => g.address === '192.0.2.1', Math.random).map((g) => g.address.at(-1)),
    ['2', '3', '1'],
  )
  const shared = {
    gateways: [gateway(9, { priority: 1 }), gateway(1, { priority: 0, weight: 3 }), gateway(2, { priority: 0, weight: 1 })],
  }
  let seed = 1
  const random = () => {
    seed = (seed * 16807) % 2147483647
    return seed / 2147483647
  }
  const first = Array.from({ length: 1000 }, () =>
    orderGateways(shared, none, random)
      .map((g) => g.address.at(-1))
      .join(''),
  )
  assert.ok(first.every((order) => order === '129' || order === '219'))
  const threes = first.filter((order) => order === '129').length
  assert.ok(threes > 700 && threes < 800, `weight 3 of 4 came first ${threes} times of 1000`)
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
