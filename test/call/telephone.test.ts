import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import { Baresip } from '../peer/baresip.ts'
import { until } from '../peer/clock.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { headersOf } from '../peer/sip/message.ts'
import { register } from '../peer/sip/register.ts'
import { DID, World } from './harness.ts'

const CALLER = '+32470123456'
const PASSWORD = 'circle of life'

/** A world whose subscriber has the telephones 101 and 102, and sends calls to 101. */
async function open(options: { voice?: boolean } = {}): Promise<World> {
  const world = await World.open(options)
  const telephones = ['101', '102'].map((name) => ({ name, password: createSealer(world.sealingKey).seal(PASSWORD) }))
  await world.change({ telephones, defaultRoute: { user: '101' } })
  return world
}

/** A telephone of the site, at an address of its own. */
async function telephone(world: World, last: number): Promise<FarEnd> {
  const end = await FarEnd.open({ address: `${world.net}.${last}`, port: 5060, name: `telephone-${last}`, watched: [400, 700] })
  world.defer(() => end.close())
  return end
}

const registered = (world: World, user: string) =>
  world.link
    .call('telephone.list', { subscriber: world.acme })
    .then((list) => list.find(({ name }) => name === user)?.contacts.length ?? 0)

test('the registrar: digest or nothing, its own contacts alone, several of them, expiry, and taking them back', async () => {
  await using world = await open()
  const desk = await telephone(world, 75)
  const mobile = await telephone(world, 76)
  const to = world.siteSwitch
  const own = { to, user: '101', password: PASSWORD, expires: 60 }
  assert.equal((await register(desk.socket, { ...own, password: 'wrong' })).status, 401)
  assert.equal((await register(desk.socket, { ...own, user: '103' })).status, 401)
  assert.equal((await register(desk.socket, { ...own, for: '102' })).status, 403)
  const brief = await register(desk.socket, { ...own, expires: 5 })
  assert.deepEqual([brief.status, headersOf(brief, 'min-expires')], [423, ['30']])
  assert.equal(await registered(world, '101'), 0)
  assert.equal((await register(desk.socket, own)).status, 200)
  const second = await register(mobile.socket, { ...own, expires: 99_999 })
  assert.deepEqual(headersOf(second, 'contact'), [
    `<sip:101@${world.net}.75:5060>;expires=60`,
    `<sip:101@${world.net}.76:5060>;expires=3600`,
  ])
  assert.equal(await registered(world, '101'), 2)
  assert.deepEqual(headersOf(await register(desk.socket, { ...own, expires: 0 }), 'contact').length, 1)
  assert.equal((await register(mobile.socket, { ...own, contact: '*', expires: 60 })).status, 400)
  assert.equal((await register(mobile.socket, { ...own, contact: '*', expires: 0 })).status, 200)
  assert.equal(await registered(world, '101'), 0)
  // Revoked: nowhere at once.
  await register(desk.socket, own)
  await world.change({ telephones: [] })
  assert.equal(await registered(world, '101'), 0)
  assert.equal((await register(desk.socket, own)).status, 401)
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('a refusal', () => call.phase === 'ended', 3000)
  assert.equal(call.report().final?.status, 480)
  await world.quiet()
})

test('S13 S17 all contacts ring at once, the first answer wins, the others hear that it was completed elsewhere', async () => {
  await using world = await open({ voice: true })
  const desk = await telephone(world, 75)
  const mobile = await telephone(world, 76)
  desk.rules = [{ user: '101', does: 'ring' }]
  mobile.rules = [{ user: '101', does: 'answer', ringMs: 150, tone: 700 }]
  for (const end of [desk, mobile]) {
    assert.equal((await register(end.socket, { to: world.siteSwitch, user: '101', password: PASSWORD, expires: 60 })).status, 200)
  }
  // A restart of the switch forgets no telephone.
  await world.kill('switch')
  await world.startSwitch()
  assert.equal(await registered(world, '101'), 2)
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('an answer', () => call.phase === 'up', 5000)
  await until('the other to be silent', () => desk.calls[0]?.phase === 'ended', 3000)
  const { ending, final } = desk.calls[0]!.report()
  assert.equal(final?.status, 487)
  assert.match(ending?.reason ?? '', /^SIP;cause=200;text="Call completed elsewhere"/)
  const heard = (hertz: number, far: typeof call) => (far.report().media?.heard ?? []).some((h) => h.what === hertz)
  await until('both directions', () => heard(700, call) && heard(400, mobile.calls[0] as typeof call), 5000)
  call.hangup()
  await until('its end', () => mobile.calls[0]!.phase === 'ended', 3000)
  await world.quiet()
  const legs = (await world.events()).filter((event) => event.leg && /^leg\.(failed|cleared)$/.test(event.type))
  assert.equal(legs.length, new Set(legs.map((event) => event.leg)).size)
  assert.equal(legs.filter((event) => event.cause?.reason === 'answered-elsewhere').length, 1)
  assert.equal((await world.leases()).filter((lease) => lease.kind === 'voice.relay' && lease.answered).length, 1)

  // Two answers in the same moment: one call, and the other is hung up.
  desk.rules = [{ user: '101', does: 'answer', ringMs: 150 }]
  const again = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => again.phase === 'up', 5000)
  const ups = () => [...desk.calls, ...mobile.calls].filter((c) => c.phase === 'up').length
  await until('one of two', () => ups() === 1, 3000)
  again.hangup()
  await until('no one', () => ups() === 0, 3000)
  // Busy here, and nobody there: busy is what is said.
  desk.rules = [{ user: '101', does: 486 }]
  mobile.rules = [{ user: '101', does: 480 }]
  const busy = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('a refusal', () => busy.phase === 'ended', 3000)
  assert.equal(busy.report().final?.status, 486)
  await world.quiet()
})

test('baresip registers in the site and is called; under its name others call only with its password', async () => {
  await using world = await open({ voice: true })
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const password = createSealer(world.sealingKey).seal('circle-of-life')
  await world.change({ telephones: [{ name: '101', password }] })
  await using baresip = await Baresip.start({
    ...{ address: `${world.net}.77`, port: 5060, user: '101', tone: 700 },
    register: { at: `${world.siteSwitch.address}:5060`, password: 'circle-of-life' },
  })
  await until('its registration', async () => (await registered(world, '101')) === 1, 5000)
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => call.phase === 'up', 5000)
  call.hangup()
  await world.quiet()
  await baresip[Symbol.asyncDispose]()
  await until('its farewell', async () => (await registered(world, '101')) === 0, 5000)
  // A host of the site that shows a telephone's name and cannot prove it; and the PBX, which shows none.
  const liar = await telephone(world, 79)
  const lie = await liar.place({ to: world.siteSwitch, from: '101', number: '+32470999999' })
  await until('a challenge', () => lie.phase === 'ended', 3000)
  assert.equal(lie.report().final?.status, 401)
  const fair = await world.pbx.place({ to: world.siteSwitch, from: '+3225550199', number: '+32470999999' })
  await until('an answer', () => fair.phase === 'up', 3000)
  fair.hangup()
  await world.quiet()
})
