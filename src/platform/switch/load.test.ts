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
  const load = new Load({ clock, limits })
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
  const load = new Load({ clock, limits })
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
  const load = new Load({ clock, limits })
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
