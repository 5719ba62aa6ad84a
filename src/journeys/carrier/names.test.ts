import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, silentLog, TurnedClock } from '#lib/index.ts'
import { Locations } from '#platform/trunk/index.ts'
import type { TrunkConfig } from '#platform/words/index.ts'
import { DnsFailure, type Located, type SipTarget } from '#protocol/dns/index.ts'
import type { KeptTargets } from './deps.ts'
import { GatewayNames } from './names.ts'

const at = (address: string): SipTarget => ({
  ...{ host: 'a.carrier.example', addresses: [address], port: 5060, transport: 'udp', priority: 0, weight: 0 },
})
const trunk: TrunkConfig = {
  ...{ id: newId('trk'), name: 't', emergencyReserve: 0, media: 'relay' },
  gateways: [{ address: 'carrier.example' }],
}

function world(kept: KeptTargets = {}) {
  const clock = new TurnedClock()
  const locations = new Locations({ now: () => clock.now(), formerMs: 1000 })
  const state = {
    asked: 0,
    moved: 0,
    kept,
    answer: (): Partial<Located> | Promise<Partial<Located>> => ({ targets: [at('192.0.2.1')], freshMs: 30_000 }),
  }
  const names = new GatewayNames(
    {
      ...{ clock, log: silentLog, random: () => 1, locations, node: () => undefined },
      async locate() {
        state.asked += 1
        return { targets: [], unknown: [], freshMs: 0, ...(await state.answer()) }
      },
      kept: { read: () => state.kept, write: (targets) => void Object.assign(state, { kept: targets }) },
    },
    () => void state.moved++,
  )
  const take = (...trunks: TrunkConfig[]) => {
    locations.configure(trunks)
    names.configure(trunks)
  }
  const addresses = () => locations.targetsOf(trunk.id, trunk.gateways[0]!).flatMap((target) => target.addresses)
  const settle = () => new Promise(setImmediate)
  return { clock, state, names, take, addresses, settle }
}

const silent = () => {
  throw new DnsFailure('carrier.example', 'SRV', 'silent')
}

test('a name is asked for when its answer ends, at once by nobody, and not again for another publication', async () => {
  const { clock, state, names, take, addresses, settle } = world()
  take(trunk)
  await settle()
  assert.deepEqual([state.asked, state.moved, addresses()], [1, 1, ['192.0.2.1']])
  take({ ...trunk, maxOut: 5 })
  clock.turn(29_000)
  await settle()
  assert.equal(state.asked, 1)
  state.answer = () => ({ targets: [at('192.0.2.2')], freshMs: 0 })
  clock.turn(1000)
  await settle()
  assert.deepEqual([state.asked, state.moved, addresses()], [2, 2, ['192.0.2.2']])
  assert.deepEqual(Object.values(state.kept).flat(), [at('192.0.2.2')])
  // A record without any time is asked for every two seconds and no oftener.
  clock.turn(1999)
  await settle()
  assert.equal(state.asked, 2)
  clock.turn(1)
  await settle()
  assert.equal(state.asked, 3)
  names.close()
  assert.equal(clock.pending, 0)
})

test('while DNS does not tell, or not all, the last answer goes on; that there is nothing is an answer', async () => {
  const { clock, state, names, take, addresses, settle } = world()
  take(trunk)
  await settle()
  state.answer = silent
  clock.turn(30_000)
  await settle()
  assert.deepEqual(addresses(), ['192.0.2.1'])
  assert.equal(names.states(trunk)[0]?.state, 'kept')
  state.answer = () => ({ targets: [at('192.0.2.2')], unknown: ['b.carrier.example'], freshMs: 9000 })
  clock.turn(2000)
  await settle()
  assert.deepEqual(addresses(), ['192.0.2.1'])
  assert.match(names.states(trunk)[0]!.text, /b\.carrier\.example/)
  state.answer = () => ({ freshMs: 5000 })
  clock.turn(4000)
  await settle()
  assert.deepEqual([addresses(), names.states(trunk)[0]?.state], [[], 'nowhere'])
  names.close()
})

test('a switch that starts while DNS is silent goes by what was kept; pauses grow to a minute', async () => {
  const first = world()
  first.take(trunk)
  await first.settle()
  first.names.close()
  const { clock, state, names, take, addresses, settle } = world(first.state.kept)
  state.answer = silent
  take(trunk)
  assert.deepEqual(addresses(), ['192.0.2.1'])
  assert.equal(names.ready(trunk), null, 'no call waits')
  await settle()
  const at: number[] = []
  for (let asked = state.asked; at.length < 8; clock.turn(1000), await settle()) {
    if (state.asked > asked) at.push(clock.now())
    asked = state.asked
  }
  const pauses = at.slice(1).map((ms, i) => Math.round((ms - at[i]!) / 1000))
  assert.deepEqual(pauses, [4, 8, 16, 32, 60, 60, 60])
  names.close()
})

test('two trunks whose names lead to one address: the second is told that it has no calls from there', async () => {
  const { names, take, settle } = world()
  const second = { ...trunk, id: newId('trk'), gateways: [{ address: 'other.example' }] }
  take(trunk, second)
  await settle()
  assert.deepEqual(names.states(trunk), [{ name: 'carrier.example', state: 'located', text: '' }])
  assert.match(names.states(second)[0]!.text, /^another trunk has the calls that come from 192\.0\.2\.1$/)
  names.close()
})

test('a call waits for a name of which nothing is known, and for two seconds at most', async () => {
  const { clock, state, names, take, settle } = world()
  state.answer = silent
  take(trunk)
  await settle()
  const asked = state.asked
  let over = false
  void names.ready(trunk)!.then(() => {
    over = true
  })
  await settle()
  assert.deepEqual([over, state.asked], [true, asked + 1], 'it is asked for at once, whatever pause there is')
  names.close()
  const slow = world()
  const dns = Promise.withResolvers<Partial<Located>>()
  slow.state.answer = () => dns.promise
  slow.take(trunk)
  let ready = 0
  void slow.names.ready(trunk)!.then(() => ready++)
  void slow.names.ready(trunk)!.then(() => ready++)
  slow.clock.turn(1999)
  await settle()
  assert.equal(ready, 0)
  slow.clock.turn(1)
  await settle()
  assert.deepEqual([ready, slow.state.asked], [2, 1])
  dns.resolve({ targets: [at('192.0.2.1')], freshMs: 5000 })
  await settle()
  assert.deepEqual(slow.addresses(), ['192.0.2.1'], 'what comes late is for the next call')
  slow.names.close()
  assert.deepEqual([clock.pending, slow.clock.pending], [0, 0])
})
