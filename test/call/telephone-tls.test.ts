import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, systemClock } from '#lib/index.ts'
import { createSealer, issueSiteTls, sealSiteTls } from '#platform/subscriber/index.ts'
import type { SiteTls, SubscriberConfig } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { headerOf } from '../peer/sip/message.ts'
import { type Asking, register } from '../peer/sip/register.ts'
import { StreamTelephone } from '../peer/sip/stream-telephone.ts'
import { DID, World } from './harness.ts'

const CALLER = '+32470123456'
const PASSWORD = 'circle of life'

/** What install makes for a site whose switch is at this address. */
async function siteTls(world: World, name: string, address: string, telephones: SiteTls['telephones']): Promise<SiteTls> {
  const sealed = sealSiteTls(createSealer(world.sealingKey), await issueSiteTls(systemClock, { name, addresses: [address] }))
  return { ca: sealed.ca, certificate: sealed.certificate, key: sealed.key, telephones }
}

async function open(telephones: SiteTls['telephones']) {
  const world = await World.open({ voice: true })
  const acme = world.snapshot.subscribers[0]!
  const tls = await siteTls(world, 'acme', world.siteSwitch.address, telephones)
  const own = [{ name: '101', password: createSealer(world.sealingKey).seal(PASSWORD) }]
  await world.change({ telephones: own, defaultRoute: { user: '101' }, site: { ...acme.site, tls } })
  return { world, acme, tls }
}

const at = (to: { address: string; port: number }) => ({ address: to.address, port: to.port + 1 })

const signOn = (telephone: Asking, to: { address: string; port: number }, more: { contact?: string; password?: string } = {}) =>
  register(telephone, { to, user: '101', password: PASSWORD, expires: 60, ...more })

test('S42 a telephone by TLS knows the switch by its site’s own CA, and is called by its connection', async () => {
  const { world, tls } = await open('allowed')
  await using _ = world
  const to = at(world.siteSwitch)
  const other = await issueSiteTls(systemClock, { name: 'globex', addresses: [to.address] })
  await assert.rejects(StreamTelephone.open({ address: `${world.net}.75`, to, ca: other.authority.certificate }))
  const phone = await StreamTelephone.open({ address: `${world.net}.75`, to, ca: tls.ca })
  world.defer(() => phone.close())
  assert.equal((await signOn(phone, to, { contact: phone.contact('101') })).status, 200)
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => call.phase === 'up', 3000)
  const [invite] = phone.connection.requests('INVITE')
  assert.match(headerOf(invite!, 'via'), new RegExp(`^SIP/2\\.0/TLS ${to.address}:${to.port};`))
  assert.match(headerOf(invite!, 'contact'), /:5061;transport=tls>/)
  call.hangup()
  await until('BYE by the same connection', () => phone.connection.requests('BYE')[0], 2000)
  await world.quiet()
})

test('where TLS is required, telephones in the clear are not even asked who they are; the PBX goes on', async () => {
  const { world, acme, tls } = await open('allowed')
  await using _ = world
  const desk = await FarEnd.open({ address: `${world.net}.75`, port: 5060, name: 'desk', watched: [] })
  world.defer(() => desk.close())
  desk.rules = [{ user: '101', does: 'answer', ringMs: 5 }]
  assert.equal((await signOn(desk.socket, world.siteSwitch)).status, 200)
  await world.change({ site: { ...acme.site, tls: { ...tls, telephones: 'required' } } })
  // What it registered before counts no more.
  const missed = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('a refusal', () => missed.phase === 'ended', 3000)
  assert.equal(missed.report().final?.status, 480)
  const refused = await signOn(desk.socket, world.siteSwitch)
  assert.equal(refused.status, 403)
  assert.equal(headerOf(refused, 'www-authenticate'), '')
  const lie = await desk.place({ to: world.siteSwitch, from: '101', number: '+32470999999' })
  await until('a refusal', () => lie.phase === 'ended', 3000)
  assert.equal(lie.report().final?.status, 403)
  const plain = await StreamTelephone.open({ address: `${world.net}.76`, to: world.siteSwitch })
  world.defer(() => plain.close())
  assert.equal((await signOn(plain, world.siteSwitch)).status, 403)
  const phone = await StreamTelephone.open({ address: `${world.net}.76`, to: at(world.siteSwitch), ca: tls.ca })
  world.defer(() => phone.close())
  assert.equal((await signOn(phone, at(world.siteSwitch), { contact: phone.contact('101') })).status, 200)
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const fair = await world.pbx.place({ to: world.siteSwitch, from: '+3225550199', number: '+32470999999' })
  await until('an answer', () => fair.phase === 'up', 3000)
  fair.hangup()
  await world.quiet()
})

test('S43 two subscribers, a telephone of the same address by TLS: two connections, each with its own certificate and calls', async () => {
  const { world, acme, tls } = await open('required')
  await using _ = world
  const globex = newId('sub')
  const address = `${world.net}.67`
  const number = '+3225550777'
  for (const [purpose, port] of [
    ['sip', 5060],
    ['sip-tcp', 5060],
    ['sip-tls', 5061],
  ] as const) {
    const { id } = world.sockets.hold({ realm: globex, namespace: null, purpose, address, port })
    await world.sockets.handOver(id, world.child('switch'))
  }
  const foreign = await siteTls(world, 'globex', address, 'required')
  const [here] = world.snapshot.subscribers
  const second: SubscriberConfig = {
    ...here!,
    ...{ id: globex, name: 'globex', slot: 1, numbers: [{ number }] },
    channel: { ...acme.channel, address },
    site: { pbx: null, tls: foreign },
    telephones: [{ name: '101', password: createSealer(world.sealingKey).seal('hakuna matata') }],
  }
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, subscribers: [here!, second] })

  const own = { address: world.siteSwitch.address, port: 5061 }
  const theirs = { address, port: 5061 }
  const telephone = `${world.net}.75`
  await assert.rejects(StreamTelephone.open({ address: telephone, to: theirs, ca: tls.ca }), 'another subscriber’s certificate')
  const one = await StreamTelephone.open({ address: telephone, to: own, ca: tls.ca })
  const two = await StreamTelephone.open({ address: telephone, to: theirs, ca: foreign.ca })
  world.defer(() => [one, two].forEach((each) => void each.close()))
  // The same contact, address and port and all, in both.
  const contact = `<sip:101@${telephone}:5061;transport=tls>`
  assert.equal((await signOn(one, own, { contact })).status, 200)
  assert.equal((await signOn(two, theirs, { contact })).status, 401, 'the password is of the other one')
  assert.equal((await signOn(two, theirs, { contact, password: 'hakuna matata' })).status, 200)
  for (const [called, rings, silent] of [
    [DID, one, two],
    [number, two, one],
  ] as const) {
    const before = [rings.connection.requests('INVITE').length, silent.connection.requests('INVITE').length]
    const call = await world.carrier.place({ to: world.node, from: CALLER, number: called })
    await until('an answer', () => call.phase === 'up', 3000)
    const after = [rings.connection.requests('INVITE').length, silent.connection.requests('INVITE').length]
    assert.deepEqual(after, [before[0]! + 1, before[1]])
    call.hangup()
    await world.quiet()
  }
  one.close()
  const left = await world.link.call('telephone.list', { subscriber: globex })
  assert.equal(left[0]?.contacts.length, 1, 'the loss of one is nothing to the other')
})
