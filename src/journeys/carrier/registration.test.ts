import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, silentLog } from '#lib/index.ts'
import { Locations } from '#platform/trunk/index.ts'
import type { TrunkConfig } from '#platform/words/index.ts'
import type { IncomingRequest } from '#protocol/sip/index.ts'
import { DigestGuard } from '../../protocol/sip/digest-guard.ts'
import { hop, SimulatedNetwork, seededRandom } from '../../protocol/sip/simulated-network.ts'
import { Carriers } from './carriers.ts'

const CARRIER = '192.0.2.2'
const NODE = { address: '192.0.2.1', port: 5060 }

/** A carrier with a password that can be away, and trunks that register there. */
function scene(trunks: number, seed: number) {
  const network = new SimulatedNetwork()
  const random = seededRandom(seed)
  const guard = new DigestGuard({ realm: 'carrier', clock: network.clock })
  const registered: number[] = []
  let challenged = 0
  network.userAgent(CARRIER, {
    onRequest(incoming) {
      const { request } = incoming
      if (request.method !== 'REGISTER') return void incoming.respond(200)
      const verdict = guard.check(request, () => 'circle of life')
      if (!('user' in verdict)) {
        challenged += 1
        return void incoming.respond(401, { headers: verdict.challenge })
      }
      registered.push(network.clock.now())
      incoming.respond(200, {
        headers: [
          ['Expires', '120'],
          ['Contact', request.header('contact') ?? ''],
        ],
      })
    },
  })
  const agent = network.userAgent(NODE.address, {
    credentials: (to) => (to.address === CARRIER ? { user: 'tl', password: 'circle of life' } : undefined),
  })
  const { clock } = network
  const carriers = new Carriers({
    ...{ clock, log: silentLog, random, node: () => ({ agent, local: NODE }) },
    locations: new Locations({ now: () => clock.now(), formerMs: 0 }),
    locate: () => Promise.reject(new Error('there are no names here')),
    kept: { read: () => null, write() {} },
  })
  const trunk = (i: number): TrunkConfig => ({
    ...{ id: newId('trk'), name: `t${i}`, gateways: [hop(CARRIER)], emergencyReserve: 0, media: 'relay', registerSeconds: 120 },
    credentials: { user: 'tl', password: 'v1.' as never },
  })
  carriers.configure(Array.from({ length: trunks }, (_, i) => trunk(i)))
  /** Promises between timers are kept in time. */
  const turn = async (ms: number, step = 100) => {
    for (let left = ms; left > 0; left -= step) {
      network.clock.turn(Math.min(step, left))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const states = () => carriers.states().map(({ registration }) => registration?.state)
  return { network, carriers, registered, turn, states, challenges: () => challenged }
}

test('S57 a carrier that is away for ten minutes has all its registrations again within a minute, spread, and asked once each', async () => {
  const many = 20
  const { network, carriers, registered, turn, states, challenges } = scene(many, 7)
  await turn(5000)
  assert.deepEqual(states(), Array(many).fill('registered'))
  network.copies = ({ from, to }) => (from.address === CARRIER || to.address === CARRIER ? 0 : 1)
  await turn(600_000, 500)
  assert.ok(
    states().every((state) => state === 'waiting'),
    `${states()}`,
  )
  const asked = network.count(/^REGISTER /, NODE.address)
  network.copies = () => 1
  const [since, before] = [network.clock.now(), challenges()]
  registered.length = 0
  await turn(60_000)
  assert.deepEqual(states(), Array(many).fill('registered'))
  const back = registered.slice(0, many).map((at) => at - since)
  assert.ok(Math.max(...back) - Math.min(...back) > 5000, `they come back within ${back.map(Math.round)} ms, not all at once`)
  // Each is challenged once and let in: no loop of refusals.
  assert.ok(challenges() - before <= registered.length + 1, `${challenges() - before} challenges for ${registered.length}`)
  assert.ok(network.count(/^REGISTER /, NODE.address) - asked < many * 6, 'nor is the carrier flooded')
  carriers.close()
})

test('S57 a carrier that lets nobody in any more is asked seldom, and a node that stops leaves no timer', async () => {
  const { network, carriers, turn, states } = scene(1, 11)
  await turn(2000)
  network.userAgent(CARRIER, { onRequest: (incoming) => incoming.respond(403) })
  await turn(120_000, 500)
  assert.deepEqual(states(), ['refused'])
  const asked = network.count(/^REGISTER /, NODE.address)
  await turn(3_600_000, 5000)
  assert.ok(network.count(/^REGISTER /, NODE.address) - asked <= 13, 'ten minutes apart, with jitter, in an hour')
  carriers.close()
  await turn(64_000, 500)
  assert.equal(network.clock.pending, 0)
})

test('RFC 3263 §4.3 a registrar that has said 100 has all of timer F, and no longer', async () => {
  const [first, second] = ['192.0.2.3', '192.0.2.4']
  const network = new SimulatedNetwork()
  const { clock } = network
  const asked: { at: string; ms: number }[] = []
  let answer: (incoming: IncomingRequest) => void = () => {}
  for (const at of [first, second])
    network.userAgent(at, {
      onRequest(incoming) {
        const { method } = incoming.request
        if (method === 'REGISTER') asked.push({ at, ms: clock.now() })
        if (at === second) incoming.respond(200)
        else answer(incoming)
      },
    })
  const agent = network.userAgent(NODE.address, { credentials: () => undefined })
  const carriers = new Carriers({
    ...{ clock, log: silentLog, random: () => 0.5, node: () => ({ agent, local: NODE }) },
    locations: new Locations({ now: () => clock.now(), formerMs: 0 }),
    locate: () => Promise.reject(new Error('there are no names here')),
    kept: { read: () => null, write() {} },
  })
  const turn = async (ms: number) => {
    for (let left = ms; left > 0; left -= 100) {
      clock.turn(Math.min(100, left))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const trunk = (change: Partial<TrunkConfig>): TrunkConfig => ({
    ...{ id, name: 't', gateways: [hop(first), hop(second)], emergencyReserve: 0, media: 'relay', registerSeconds: 3600 },
    credentials: { user: 'tl', password: 'v1.' as never },
    ...change,
  })
  const id = newId('trk')
  const state = () => carriers.states()[0]!
  answer = (incoming) => {
    incoming.respond(100)
    clock.after(20_000, () => incoming.respond(200))
  }
  carriers.configure([trunk({ optionsSeconds: 60 })])
  await turn(19_000)
  assert.deepEqual(new Set(asked.map(({ at }) => at)), new Set([first]), 'nobody else is asked')
  await turn(2000)
  assert.equal(state().registration?.text, `registered at ${first}:5060 for 3600 s`)
  await turn(40_000)
  assert.deepEqual(
    state().gateways.map(({ state, lost }) => [state, lost]),
    [
      ['up', 0],
      ['up', 0],
    ],
  )
  // At work for ever is the same as silent, once timer F is over.
  answer = (incoming) => incoming.respond(100)
  asked.length = 0
  const begun = clock.now()
  carriers.configure([trunk({ registerSeconds: 3000 })])
  await turn(60_000)
  const to = asked.find(({ at }) => at === second)!
  assert.ok(to.ms - begun >= 32_000, `the second was asked after ${to.ms - begun} ms`)
  assert.equal(state().registration?.text, `registered at ${second}:5060 for 3000 s`)
  carriers.close()
  await turn(70_000)
  assert.equal(clock.pending, 0)
})
