import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import type { FarEnd } from '../peer/sip/far-end.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { DID, World, type WorldOptions } from './harness.ts'

/** A call from the second carrier to B, both played by the test. */
async function joined(to: (world: World) => FarEnd, options: WorldOptions) {
  const world = await World.open({ voice: true, ...options })
  const sdp = ScriptedLeg.await(world.second).sdp()
  const b = ScriptedLeg.await(to(world))
  const a = ScriptedLeg.place(world.second, world.node, DID, { body: sdp })
  b.reply(await b.next('INVITE'), 200, { body: b.sdp({ port: 31_000 }) })
  await b.next('ACK')
  a.ack(await a.next('200 INVITE'))
  return { world, a, b }
}

const referTo = (user: string): [string, string] => ['Refer-To', `<sip:${user}@tieline.test>`]
const SITE: WorldOptions = { subscriber: { defaultRoute: { pbx: '101' } } }

test('S27 S28 the callee transfers the caller: NOTIFY says how it goes, the caller talks to the target, the callee is let go', async () => {
  const { world, a, b } = await joined((w) => w.pbx, SITE)
  await using _ = world
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 20 }]
  b.ask('REFER', { headers: [referTo('+32470999999')] })
  await b.next('202')
  assert.deepEqual(await b.progress(), ['SIP/2.0 100 Trying', 'SIP/2.0 200 OK'])
  const bye = await b.next('BYE', 5000)
  b.reply(bye, 200)
  const target = world.carrier.calls[0]!
  assert.equal(target.phase, 'up')
  // What is joined now is what a restarted switch takes up.
  await world.kill('switch')
  await world.startSwitch()
  assert.equal(a.count('BYE'), 0)
  target.hangup()
  a.reply(await a.next('BYE'), 200)
  await world.quiet()
  const events = await world.events()
  assert.equal(events.filter((event) => event.type === 'leg.transferred').length, 1)
  assert.equal(events.filter((event) => event.type === 'leg.cleared').length, 3)
  assert.ok((await world.leases()).every((lease) => lease.released !== null))
})

test('S26 the transferor hangs up right behind its REFER: whoever stays is not cut off', async () => {
  const { world, a, b } = await joined((w) => w.pbx, SITE)
  await using _ = world
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 300 }]
  b.ask('REFER', { headers: [referTo('+32470999999')] })
  await b.next('202')
  b.ask('BYE')
  await b.next('200 BYE')
  await until('the target', () => world.carrier.calls[0]?.phase === 'up', 6000)
  assert.equal(a.count('BYE'), 0)
  a.ask('BYE')
  await until('the target to be let go', () => world.carrier.calls[0]!.phase === 'ended', 3000)
  await world.quiet()
})

test('S26 S27 the caller transfers the callee into the site and is gone at once: the callee talks to the target', async () => {
  const { world, a, b } = await joined((w) => w.carrier, {
    subscriber: { defaultRoute: { trunk: 'main', number: '+32470111111' } },
  })
  await using _ = world
  world.pbx.rules = [{ user: '102', does: 'answer', ringMs: 100 }]
  a.ask('REFER', { headers: [referTo('102')] })
  await a.next('202')
  a.ask('BYE')
  await a.next('200 BYE')
  await until('the target', () => world.pbx.calls[0]?.phase === 'up', 3000)
  assert.equal(b.count('BYE'), 0)
  world.pbx.calls[0]!.hangup()
  b.reply(await b.next('BYE'), 200)
  await world.quiet()
})

test('S28 a target that is busy: the transferor is told, and has its call as it was', async () => {
  const { world, a, b } = await joined((w) => w.pbx, SITE)
  await using _ = world
  world.carrier.rules = [{ user: '*', does: 486 }]
  for (let i = 0; i < 2; i++) {
    b.ask('REFER', { headers: [referTo('+32470999999')] })
    await b.next('202')
    assert.equal((await b.progress()).at(-1), 'SIP/2.0 486 Not transferred')
  }
  assert.deepEqual([a.count('BYE'), b.count('BYE')], [0, 0])
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await a.next('200 BYE')
  await world.quiet()
})

test('S29 F14 what is no transfer: a dialog of somebody else, a call out at the subscriber’s cost, nobody at all', async () => {
  const { world, a, b } = await joined((w) => w.pbx, SITE)
  await using _ = world
  b.ask('REFER', { headers: [['Refer-To', '<sip:102@tieline.test?Replaces=other%3Bto-tag%3Dx%3Bfrom-tag%3Dy>']] })
  await b.next('481')
  a.ask('REFER', { headers: [referTo('+32470999999')] })
  await a.next('603')
  b.ask('REFER', { headers: [['Refer-To', '<sip:tieline.test>']] })
  await b.next('400')
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await world.quiet()
  assert.equal(world.carrier.calls.length, 0)
})

test('a call whose audio passes by is transferred too: whoever stays is brought to voice by a re-INVITE', async () => {
  const { world, a, b } = await joined((w) => w.carrier, {
    media: 'direct',
    subscriber: { defaultRoute: { trunk: 'main', number: '+32470111111' } },
  })
  await using _ = world
  world.pbx.rules = [{ user: '102', does: 'answer', ringMs: 20 }]
  b.ask('REFER', { headers: [referTo('102')] })
  await b.next('202')
  const brought = await a.next('INVITE')
  assert.match(brought.body, new RegExp(`c=IN IP4 ${world.node.address}`))
  a.reply(brought, 200, { body: a.sdp({ version: 2 }) })
  await a.next('ACK')
  assert.equal((await b.progress()).at(-1), 'SIP/2.0 200 OK')
  b.reply(await b.next('BYE', 5000), 200)
  a.ask('BYE')
  await a.next('200 BYE')
  await world.quiet()
})

test('a call whose audio passes by is held by command: both are brought to voice, which is leased, and talk there behind it', async () => {
  const { world, a, b } = await joined((w) => w.carrier, {
    media: 'direct',
    subscriber: { defaultRoute: { trunk: 'main', number: '+32470111111' } },
  })
  await using _ = world
  const { id } = (await world.link.call('call.list', {}))[0]!
  const order = (verb: 'hold' | 'retrieve') =>
    world.link.call('call.order', { call: id, order: { verb, params: {} }, by: 'operator' })
  const holding = order('hold')
  for (const leg of [a, b]) {
    const brought = await leg.next('INVITE')
    assert.match(brought.body, new RegExp(`c=IN IP4 ${world.node.address}`))
    leg.reply(brought, 200, { body: leg.sdp({ version: 2 }) })
    await leg.next('ACK')
  }
  await holding
  await order('retrieve')
  assert.deepEqual([a.count('INVITE'), b.count('INVITE')], [1, 2], 'a carrier is not told')
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await a.next('200 BYE')
  await world.quiet()
  const billed = (await world.leases()).filter(({ answered }) => answered).map(({ kind }) => kind)
  assert.deepEqual(billed.sort(), ['trunk.in', 'trunk.out', 'voice.port', 'voice.port', 'voice.relay'])
})
