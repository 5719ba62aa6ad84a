import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, PUBLIC, World } from './harness.ts'

const heard = (call: Call, what: number) => (call.report().media?.heard ?? []).filter((h) => h.what === what).length

test('F10 a call from the site goes out over a trunk and shows a number of the subscriber, whatever the PBX says', async () => {
  await using world = await World.open({ voice: true })
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5, tone: 700 }]
  const headers: [string, string][] = [['P-Asserted-Identity', '<sip:+15551234567@pbx>']]
  const shown: string[] = []
  for (const from of [PUBLIC, '+15551234567', '101']) {
    const call = await world.pbx.place({ to: world.siteSwitch, from, number: '+32470999999', tone: 400, headers })
    await until('an answer', () => call.phase === 'up', 3000)
    const far = world.carrier.calls.at(-1)!
    shown.push(/sip:([^@]+)@/.exec(far.report().from)![1]!)
    await until('both tones', () => heard(call, 700) >= 1 && heard(far, 400) >= 1, 3000)
    call.hangup()
    await until('the end', () => far.phase === 'ended', 3000)
  }
  assert.deepEqual(shown, [PUBLIC, DID, DID])
  await world.quiet()
  const kinds = (await world.leases()).map((lease) => lease.kind)
  assert.equal(kinds.filter((kind) => kind === 'trunk.out').length, 3)
  assert.ok((await world.leases()).every((lease) => lease.answered && lease.released !== null))
})

test('S47 a PBX that sends calls back to the number they came for makes no endless loop', async () => {
  await using world = await World.open({ voice: true, subscriber: { defaultRoute: { pbx: '101' } } })
  // The PBX forwards each call to our number again, as a new call; the carrier brings it back to us.
  world.pbx.onCall = () => {}
  world.pbx.rules = [{ user: '101', does: 'ring' }]
  let hops = 0
  const ended: number[] = []
  const forward = setInterval(() => {
    while (world.pbx.calls.filter((c) => c.direction === 'in').length > hops) {
      hops += 1
      void world.pbx.place({ to: world.siteSwitch, from: '+32470123456', number: DID }).then((call) => {
        void until('an end', () => call.phase === 'ended', 5000).then(
          () => ended.push(call.report().final!.status),
          () => {},
        )
      })
    }
    while (world.carrier.calls.filter((c) => c.direction === 'in').length > returned) {
      returned += 1
      void world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
    }
  }, 5)
  let returned = 0
  world.carrier.rules = [{ user: '*', does: 'ring' }]
  world.defer(() => clearInterval(forward))
  await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('the loop to be seen', () => ended.includes(482), 3000)
  clearInterval(forward)
  assert.ok(hops <= 10, `stopped after ${hops} hops`)
  for (const { id } of await world.link.call('call.list', {})) await world.link.call('call.kill', { call: id })
  await world.quiet()
})

test('S47 Max-Forwards goes down across the legs', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const seen: string[] = []
  const { socket } = world.second
  const receive = socket.onRequest
  socket.onRequest = (message, from) => {
    if (message.method === 'INVITE') seen.push(message.headers.find(([name]) => name === 'Max-Forwards')![1])
    receive(message, from)
  }
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('an answer', () => call.phase === 'up', 3000)
  assert.deepEqual(seen, ['69'])
  call.hangup()
  await world.quiet()
})
