import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '../peer/clock.ts'
import type { FarEnd } from '../peer/sip/far-end.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { DID, World } from './harness.ts'

let world: World
before(async () => {
  world = await World.open({ voice: true, subscriber: { defaultRoute: { pbx: '101' } } })
})
after(() => world[Symbol.asyncDispose]())

const FAR = '+32470999999'

/** A caller outside talks to a telephone of the site. */
async function inbound(): Promise<[a: ScriptedLeg, b: ScriptedLeg]> {
  const b = ScriptedLeg.await(world.pbx)
  const a = ScriptedLeg.place(world.second, world.node, DID, { body: sdpOf(world.second, 30_000) })
  b.reply(await b.next('INVITE'), 200, { body: b.sdp({ port: 31_000 }) })
  await b.next('ACK')
  a.ack(await a.next('200 INVITE'))
  return [a, b]
}

/** The same telephone of the site talks to somebody outside. */
async function outbound(): Promise<[b: ScriptedLeg, c: ScriptedLeg]> {
  const c = ScriptedLeg.await(world.carrier)
  const b = ScriptedLeg.place(world.pbx, world.siteSwitch, FAR, { body: sdpOf(world.pbx, 31_002) })
  c.reply(await c.next('INVITE'), 200, { body: c.sdp({ port: 32_000 }) })
  await c.next('ACK')
  b.ack(await b.next('200 INVITE'))
  return [b, c]
}

function sdpOf({ socket }: FarEnd, port: number): string {
  return `v=0\r\no=- 1 1 IN IP4 ${socket.address}\r\ns=-\r\nc=IN IP4 ${socket.address}\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n`
}

const referTo = (leg: ScriptedLeg): [string, string] => [
  'Refer-To',
  `<sip:${FAR}@tieline.test?Replaces=${encodeURIComponent(leg.replaces)}>`,
]

test('S29 S27 a telephone that talks to two joins them: both its dialogs are let go, and the two talk in one call', async () => {
  const [a, b1] = await inbound()
  const [b2, c] = await outbound()
  const before = (await world.events()).length
  b1.ask('REFER', { headers: [referTo(b2)] })
  await b1.next('202')
  b2.reply(await b2.next('BYE'), 200)
  assert.deepEqual(await b1.progress(), ['SIP/2.0 100 Trying', 'SIP/2.0 200 OK'])
  b1.reply(await b1.next('BYE', 5000), 200)
  assert.deepEqual([a.count('BYE'), c.count('BYE')], [0, 0])
  // What is joined now is one call for whoever takes it up.
  await world.kill('switch')
  await world.startSwitch()
  c.ask('BYE')
  await c.next('200 BYE')
  a.reply(await a.next('BYE'), 200)
  await world.quiet()
  const events = (await world.events()).slice(before)
  const cleared = events.filter((event) => event.type === 'leg.cleared')
  assert.equal(cleared.length, 4)
  assert.equal(new Set(cleared.map((event) => event.leg)).size, 4)
  assert.equal(new Set(cleared.filter((event) => event.cause?.by !== 'switch').map((event) => event.call)).size, 1)
  assert.ok((await world.leases()).every((lease) => lease.released !== null))
})

test('S29 a Replaces that names nobody’s dialog, or another side’s, is refused with 481 and joins nobody', async () => {
  const [a, b1] = await inbound()
  const [b2, c] = await outbound()
  const other = { replaces: 'other;to-tag=x;from-tag=y' }
  for (const named of [other, a, c, b1]) {
    b1.ask('REFER', { headers: [referTo(named as ScriptedLeg)] })
    await b1.next('481')
  }
  // From the trunk: the dialogs of the site are not its own, whatever it knows of them.
  const stranger = ScriptedLeg.place(world.second, world.node, DID, {
    headers: [['Replaces', b2.replaces]],
    body: sdpOf(world.second, 30_004),
  })
  stranger.ack(await stranger.next('481'))
  for (const [leg, its] of [
    [a, b1],
    [b2, c],
  ] as const) {
    leg.ask('BYE')
    its.reply(await its.next('BYE'), 200)
    await leg.next('200 BYE')
  }
  await world.quiet()
})

test('an INVITE with Replaces takes the place of a telephone in its call: the other side stays, the old leg gets BYE', async () => {
  const [a, b] = await inbound()
  const d = ScriptedLeg.place(world.pbx, world.siteSwitch, '101', {
    headers: [
      ['Replaces', b.replaces],
      ['Require', 'replaces'],
    ],
    body: sdpOf(world.pbx, 31_010),
  })
  d.ack(await d.next('200 INVITE'))
  b.reply(await b.next('BYE'), 200)
  assert.equal(a.count('BYE'), 0)
  a.ask('BYE')
  d.reply(await d.next('BYE'), 200)
  await a.next('200 BYE')
  await world.quiet()
  const early = ScriptedLeg.place(world.pbx, world.siteSwitch, '101', {
    headers: [['Replaces', b.replaces]],
    body: sdpOf(world.pbx, 31_012),
  })
  early.ack(await early.next('481'))
})

test('S26 S29 the trunk side joins two of its calls into the site, hangs up at once, and both telephones talk', async () => {
  const [a1, b] = await inbound()
  const c = ScriptedLeg.await(world.pbx)
  const a2 = ScriptedLeg.place(world.second, world.node, DID, { body: sdpOf(world.second, 30_006) })
  c.reply(await c.next('INVITE'), 200, { body: c.sdp({ port: 31_008 }) })
  await c.next('ACK')
  a2.ack(await a2.next('200 INVITE'))
  // Another trunk's dialog of the same subscriber is not its own.
  const other = ScriptedLeg.place(world.carrier, world.node, DID, {
    headers: [['Replaces', a2.replaces]],
    body: sdpOf(world.carrier, 1),
  })
  other.ack(await other.next('481'))
  a1.ask('REFER', { headers: [referTo(a2)] })
  await a1.next('202')
  a1.ask('BYE')
  await a1.next('200 BYE')
  a2.reply(await a2.next('BYE'), 200)
  await until('one call', async () => (await world.link.call('call.list', {})).length === 1, 4000)
  assert.deepEqual([b.count('BYE'), c.count('BYE')], [0, 0])
  b.ask('BYE')
  await b.next('200 BYE')
  c.reply(await c.next('BYE'), 200)
  await world.quiet()
})

test('S28 S29 the call that a REFER names is over by then: 481, and the first call is as it was', async () => {
  const [a, b1] = await inbound()
  const [b2, c] = await outbound()
  c.ask('BYE')
  await c.next('200 BYE')
  const bye = await b2.next('BYE')
  b1.ask('REFER', { headers: [referTo(b2)] })
  await b1.next('481')
  b2.reply(bye, 200)
  assert.deepEqual([a.count('BYE'), b1.count('BYE')], [0, 0])
  a.ask('BYE')
  b1.reply(await b1.next('BYE'), 200)
  await a.next('200 BYE')
  await world.quiet()
})

test('a telephone parks a call by sending it to a slot with a star, and another one picks it up by dialling that; a slot that is taken is none', async () => {
  const park = { headers: [['Refer-To', '<sip:*701@tieline.test>']] as [string, string][] }
  const [a, b] = await inbound()
  b.ask('REFER', park)
  await b.next('202')
  assert.deepEqual(await b.progress(), ['SIP/2.0 200 OK'])
  b.reply(await b.next('BYE', 5000), 200)
  const [second, waits] = await inbound()
  waits.ask('REFER', park)
  await waits.next('202')
  assert.equal((await waits.progress()).at(-1), 'SIP/2.0 486 The slot is taken')
  const d = ScriptedLeg.place(world.pbx, world.siteSwitch, '*701', { body: sdpOf(world.pbx, 31_020) })
  d.ack(await d.next('200 INVITE'))
  await until('the talk', async () => (await world.link.call('call.list', {})).every(({ state }) => state === 'joined'), 4000)
  assert.deepEqual([a.count('BYE'), second.count('BYE'), waits.count('BYE')], [0, 0, 0])
  for (const [leg, its] of [
    [a, d],
    [second, waits],
  ] as const) {
    leg.ask('BYE')
    its.reply(await its.next('BYE'), 200)
    await leg.next('200 BYE')
  }
  await world.quiet()
})

test('S28 a transfer for which there is no room: the transferor is told, and has its call as it was', async () => {
  const { allocations } = world.snapshot.subscribers[0]!
  await world.change({ allocations: allocations.map((one) => (one.kind === 'trunk.out' ? { ...one, ceiling: 0 } : one)) })
  const [a, b] = await inbound()
  b.ask('REFER', { headers: [['Refer-To', `<sip:${FAR}@tieline.test>`]] })
  await b.next('202')
  assert.equal((await b.progress()).at(-1), 'SIP/2.0 486 Not transferred')
  assert.deepEqual([a.count('BYE'), b.count('BYE')], [0, 0])
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await a.next('200 BYE')
  await world.quiet()
  await world.change({ allocations })
})

test('F02 REFER and NOTIFY out of any dialog are refused, on either side', async () => {
  for (const [far, to] of [
    [world.second, world.node],
    [world.pbx, world.siteSwitch],
  ] as const) {
    for (const method of ['REFER', 'NOTIFY']) {
      const leg = ScriptedLeg.place(far, to, '7', { body: sdpOf(far, 30_020) })
      leg.ask(method, { headers: [['Refer-To', '<sip:102@tieline.test>']] })
      await leg.next('481')
    }
  }
})
