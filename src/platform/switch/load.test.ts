import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, newId, TurnedClock } from '#lib/index.ts'
import { Load } from './load.ts'

const limits = {
  ...{ requestsPerSecond: 100, siteRequestsPerSecond: 10, transactionsPerSource: 1000, shedAboveMs: 250 },
  drainSeconds: 0,
}
const request = { method: 'INVITE', inside: false, held: 0, emergency: false }

test('F06 T11 a source is let in at its rate and a burst, a site as one, and the others are not touched', () => {
  const clock = new TurnedClock()
  const load = new Load({ clock, limits, utilization: () => 0 })
  const passed = (realm: 'node' | `sub_${string}`, address: string, n: number) =>
    Array.from({ length: n }, () => load.refuses(realm, address, request)).filter((refusal) => refusal === null).length
  assert.equal(passed('node', '192.0.2.1', 1000), 200)
  assert.equal(passed('node', '192.0.2.2', 10), 10)
  clock.turn(1000)
  assert.equal(passed('node', '192.0.2.1', 1000), 100)
  const [acme, globex] = [newId('sub'), newId('sub')]
  assert.equal(passed(acme, '192.168.1.10', 15) + passed(acme, '192.168.1.11', 15), 20)
  assert.equal(passed(globex, '192.168.1.10', 5), 5)
  load.close()
  assert.equal(clock.pending, 0)
})

test('F06 what belongs to a call passes above the rate, and only so many refusals are told', () => {
  const clock = new TurnedClock()
  const load = new Load({ clock, limits, utilization: () => 0 })
  const refusals = Array.from({ length: 1000 }, () => load.refuses('node', 'a', request))
  assert.equal(refusals.filter((refusal) => refusal !== null && refusal !== 'silence').length, 200)
  assert.deepEqual(
    refusals.find((refusal) => refusal !== null),
    { status: 503, headers: [['Retry-After', '5']] },
  )
  assert.equal(load.shed, 800)
  assert.equal(load.refuses('node', 'a', { ...request, inside: true, held: 1000 }), null)
  assert.equal(load.refuses('node', 'a', { ...request, inside: true, held: 2000 }), 'silence')
  load.close()
})

test('F06 a trunk that floods is not even parsed where it begins something new, and heard in its calls', () => {
  const clock = new TurnedClock()
  const load = new Load({ clock, limits, utilization: () => 0 })
  const invite = Buffer.from('INVITE sip:a@b SIP/2.0\r\nVia: x\r\nTo: <sip:a@b>\r\n\r\n')
  const again = Buffer.from('INVITE sip:a@b SIP/2.0\r\nt : <sip:a@b>;tag=1\r\n\r\n')
  const bye = Buffer.from('BYE sip:a@b SIP/2.0\r\nTo: <sip:a@b>\r\n\r\n')
  assert.equal(load.drops('node', 'a', invite), false)
  for (let i = 0; i < 1500; i++) load.refuses('node', 'a', request)
  assert.deepEqual(
    [invite, again, bye, Buffer.from('SIP/2.0 200 OK\r\n\r\n')].map((bytes) => load.drops('node', 'a', bytes)),
    [true, false, false, false],
  )
  assert.equal(load.drops('node', 'b', invite), false, 'another source')
  clock.turn(20)
  assert.equal(load.drops('node', 'a', invite), false, 'its rate is its right')
  clock.turn(3000)
  assert.equal(load.refuses('node', 'a', request), null)
  for (let i = 0; i < 300; i++) load.refuses('node', 'a', request)
  assert.equal(load.drops('node', 'a', invite), false, 'the flood is over')
  load.close()
})

test('new INVITEs are shed while the event loop lags, an emergency call and everything else passes, and it recovers', () => {
  let now = 0
  let look = () => {}
  const clock: Clock = {
    now: () => now,
    wall: () => 0,
    after(_, run) {
      look = run
      return { cancel() {} }
    },
  }
  const load = new Load({ clock, limits, utilization: () => 0 })
  now = 50 + 400
  look()
  assert.equal(load.lagMs, 400)
  assert.notEqual(load.refuses('node', 'a', request), null)
  assert.equal(load.refuses('node', 'a', { ...request, method: 'OPTIONS' }), null)
  assert.equal(load.refuses('node', 'a', { ...request, inside: true }), null)
  assert.equal(load.refuses('node', 'a', { ...request, emergency: true }), null)
  for (let i = 0; i < 4; i++) {
    now += 50
    look()
  }
  assert.equal(load.refuses('node', 'a', request), null)
  load.close()
})

test('F06 a node that cannot keep up serves who asks little, and holds who asks much to a share', () => {
  const clock = new TurnedClock()
  let utilization = 1
  const load = new Load({ clock, limits: { ...limits, requestsPerSecond: 1000 }, utilization: () => utilization })
  const passed = (address: string, n: number) =>
    Array.from({ length: n }, () => load.refuses('node', address, request)).filter((refusal) => refusal === null).length
  clock.turn(900)
  assert.equal(passed('a', 300), 300, 'a burst is no overload')
  clock.turn(1100)
  assert.deepEqual([passed('a', 300), passed('b', 20)], [200, 20])
  utilization = 0.5
  clock.turn(1100)
  assert.equal(passed('a', 300), 300)
  load.close()
})
