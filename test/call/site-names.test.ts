import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { until } from '../peer/clock.ts'
import type { Records } from '../peer/dns.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import type { Message } from '../peer/sip/message.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { StreamPeer } from '../peer/sip/stream-peer.ts'
import { DID, type World } from './harness.ts'
import { NAME, SiteNamesWorld } from './site-names-world.ts'

let names: SiteNamesWorld
let world: World
before(async () => {
  names = await SiteNamesWorld.open()
  world = names.world
})
after(() => names[Symbol.asyncDispose]())
beforeEach(() => names.forget())

test('S34 S36 T08 a PBX with two servers by SRV of the site’s own DNS: one is killed, and the other has the call; the dead one is not waited for again', async () => {
  const second = await names.server(78)
  await using _second = second
  {
    await using first = await names.server(76)
    names.srv([76, 78])
    await names.pbx({ host: NAME })
    assert.ok((await names.call()) < 2000)
    assert.equal(first.invites[0]?.uri, `sip:101@${NAME}`, 'the name stays what is asked for')
    assert.deepEqual([first.invites.length, second.invites.length], [1, 0])
  }
  const failover = await names.call()
  assert.ok(failover > 900 && failover < 3000, `after ${Math.round(failover)} ms`)
  assert.equal(second.invites.length, 1)
  const next = await names.call()
  assert.ok(next < 800, `the dead one was waited for again: ${Math.round(next)} ms`)
  assert.ok(names.dns.questions.every(({ from }) => from === world.siteSwitch.address))
  assert.ok(names.dns.questions.some(({ type, name }) => type === 'NAPTR' && name === NAME))
  assert.deepEqual(
    names.nodeDns.questions.filter(({ name }) => name.includes('office')),
    [],
  )
})

test('S34 a server of the site that says 503 is passed by at once; what the PBX says of its telephone is final', async () => {
  await using first = await names.server(80)
  await using second = await names.server(81)
  names.srv([80, 81])
  await names.pbx({ host: NAME })
  first.rules = [{ user: '*', does: 503 }]
  assert.ok((await names.call()) < 1000)
  assert.equal(second.invites.length, 1)
  first.rules = [{ user: '*', does: 486 }]
  const busy = await world.second.place({ to: world.node, from: '+32470123456', number: DID })
  await until('the refusal', () => busy.phase === 'ended', 3000)
  assert.deepEqual([busy.report().final?.status, second.invites.length], [486, 1])
  await world.quiet()
})

test('T12 all servers of the site are dead, or its DNS is: the call goes over the trunk within 3 s', async () => {
  names.srv([76, 77, 78, 79])
  await names.pbx({ host: NAME })
  const dead = await names.call()
  assert.ok(dead < 3000, `after ${Math.round(dead)} ms`)
  assert.equal(await names.why(), 'no-response')
  for (const mood of [{ silent: true }, { fails: true }]) {
    await names.pbx({ host: NAME })
    names.dns.mood = mood
    assert.ok((await names.call()) < 3000)
    assert.equal(await names.why(), 'channel-down')
  }
  names.dns.mood = {}
  // There is no such name: nothing is called that nobody has configured, not even its address.
  names.dns.records[`_sip._udp.${NAME}`] = { SRV: [{ port: 0, target: '.' }] }
  names.dns.records[NAME] = names.at(76)
  await using bogus = await names.server(76)
  await names.pbx({ host: NAME })
  assert.ok((await names.call()) < 1500)
  assert.deepEqual([await names.why(), bogus.invites.length], ['channel-down', 0])
})

for (const how of ['silent', 'fails'] as const)
  test(`S34 S35 the site’s DNS does not tell one server’s address (${how}), one is dead, one says 503: the fourth has the call within 3 s`, async () => {
    const [untold, dead, busy, good] = how === 'fails' ? [82, 83, 84, 85] : [86, 87, 88, 89]
    await using refusing = await names.server(busy!)
    await using living = await names.server(good!)
    refusing.rules = [{ user: '*', does: 503 }]
    names.srv([untold!, dead!, busy!, good!])
    names.dns.records[`s${untold}.office.lan`] = { [how]: true }
    await names.pbx({ host: NAME })
    const took = await names.call()
    assert.ok(took < 3000, `after ${Math.round(took)} ms`)
    assert.equal(living.invites.length, 1)
    assert.equal(refusing.calls[0]?.report().timeline.filter(({ what }) => what === '< ACK').length, 1)
  })

test('S35 T12 one server’s address is not told and the other is dead: both reasons, over the trunk within 3 s; told again, it has the call', async () => {
  names.srv([95, 96])
  names.dns.records['s95.office.lan'] = { fails: true }
  await names.pbx({ host: NAME })
  const took = await names.call()
  assert.ok(took < 3000, `after ${Math.round(took)} ms`)
  assert.equal(await names.why(), 'no-response')
  const { cause } = (await world.events()).findLast(({ type }) => type === 'leg.diverted')!
  assert.match(cause!.text!, new RegExp(`${names.at(96)}:5060 said nothing.*DNS does not tell the address of s95\\.office\\.lan`))
  // Without a way round, the caller is told.
  const { site } = world.snapshot.subscribers[0]!
  const { number: _, ...alone } = site.pbx!
  await world.change({ site: { ...site, pbx: alone } })
  const refused = await world.second.place({ to: world.node, from: '+32470123456', number: DID })
  await until('the refusal', () => refused.phase === 'ended', 6000)
  assert.equal(refused.report().final?.status, 504)
  await world.quiet()
  await using back = await names.server(95)
  names.dns.records['s95.office.lan'] = { A: [names.at(95)] }
  assert.ok((await names.call()) < 1000, 'the dead one is not waited for')
  assert.equal(back.invites.length, 1)
})

test('S36 NAPTR of the site says TCP; a port that is given needs neither; answers that are cut are asked for by TCP inside the site', async () => {
  const peer = await StreamPeer.open(names.at(79), 5070)
  world.defer(() => peer.close())
  await using plain = await names.server(76)
  const naptr = (order: number, services: string, replacement: string) => ({ order, preference: 1, services, replacement })
  const NAPTR: Records['NAPTR'] = [
    naptr(10, 'SIPS+D2T', `_sips._tcp.${NAME}`),
    naptr(20, 'SIP+D2T', `_sip._tcp.${NAME}`),
    naptr(30, 'SIP+D2U', `_sip._udp.${NAME}`),
  ]
  names.dns.records[NAME] = { A: [names.at(76)], NAPTR }
  names.srv([79], '_sip._tcp', 5070)
  names.srv([76])
  await names.pbx({ host: NAME })
  names.dns.mood = { cut: true, lies: names.at(99) }
  await names.call()
  assert.equal(peer.requests('INVITE')[0]?.uri, `sip:101@${NAME}`)
  assert.deepEqual([plain.invites.length, peer.requests('BYE').length], [0, 1])
  const tcp = names.dns.questions.filter(({ over }) => over === 'tcp')
  assert.ok(tcp.length > 0 && tcp.every(({ from }) => from === world.siteSwitch.address))
  names.dns.mood = {}
  await names.pbx({ host: 'pbx', port: 5060 })
  names.dns.questions.length = 0
  await names.call()
  assert.equal(plain.invites[0]?.uri, 'sip:101@pbx:5060')
  assert.deepEqual(
    names.dns.questions.map(({ type, name }) => `${type} ${name}`),
    [`A ${NAME}`],
  )
  const probe = await world.link.call('channel.probe', { subscriber: world.acme, timeoutMs: 2000 })
  assert.match(probe.dns!.text, new RegExp(`says ${names.at(76)}:5060 by UDP for pbx`))
  assert.equal(probe.pbx?.ok, true)
})

test('the check of a channel asks the site’s DNS also where the PBX is an address, and names the server that is silent or refuses', async () => {
  await using living = await names.server(94)
  await names.pbx({ host: names.at(94) })
  const probed = async () => (await world.link.call('channel.probe', { subscriber: world.acme, timeoutMs: 1000 })).dns
  assert.deepEqual(await probed(), { ok: true, text: `The DNS server ${names.at(75)} answers.` })
  assert.deepEqual(
    names.dns.questions.map(({ name, from }) => [name, from]),
    [['office.lan', world.siteSwitch.address]],
  )
  names.dns.mood = { fails: true }
  assert.match((await probed())!.text, /refuses to tell: check that it serves the search domain/)
  names.dns.mood = { silent: true }
  const silent = await probed()
  assert.deepEqual([silent?.ok, silent?.text.includes(`${names.at(75)} does not answer`)], [false, true])
  names.dns.mood = {}
  const { channel } = world.snapshot.subscribers[0]!
  await world.change({ channel: { ...channel, dns: { servers: [names.at(75), names.at(95)], search: 'office.lan' } } })
  const second = await probed()
  assert.equal(second?.ok, false, 'a dead second server makes every question of the agent slow')
  assert.match(second!.text, new RegExp(`${names.at(75)} answers\\. The DNS server ${names.at(95)} does not answer`))
  await world.change({ channel: { ...channel, dns: null } })
  assert.equal(await probed(), null)
  assert.equal(living.invites.length, 0)
})

test('RFC 3263 §4 F05 a PBX whose Contact is a name: what follows goes to a server of it in the site, the living one, and never out of its networks', async () => {
  const far = await FarEnd.open({ address: names.at(90), port: 5060, name: 'scripted', watched: [] })
  world.defer(() => far.close())
  await using living = await names.server(92)
  const heard: Message[] = []
  living.socket.onRequest = (request, from) => {
    heard.push(request)
    if (request.method !== 'ACK') living.socket.send(living.socket.response(request, 200, 'OK', '', [], ''), from)
  }
  names.dns.records[`_sip._udp.cluster.office.lan`] = {
    // The first is dead, and one is the carrier: a site leads nobody there.
    SRV: [91, 2, 92].map((last, priority) => ({ priority, weight: 1, port: 5060, target: `c${last}.office.lan` })),
  }
  for (const last of [91, 2, 92]) names.dns.records[`c${last}.office.lan`] = names.at(last)
  await names.pbx({ host: names.at(90), port: 5060 })
  names.nodeDns.questions.length = 0
  const strange: string[] = []
  const { onHeard } = world.carrier.socket
  world.carrier.socket.onHeard = (message) => void strange.push(message.method ?? '')
  const b = ScriptedLeg.await(far)
  b.shown = 'sip:x@cluster.office.lan'
  const a = await world.second.place({ to: world.node, from: '+32470123456', number: DID })
  b.reply(await b.next('INVITE'), 200, { body: b.sdp() })
  await until('an answer', () => a.phase === 'up', 4000)
  a.hangup()
  await until('BYE where somebody lives', () => heard.some(({ method }) => method === 'BYE'), 5000)
  assert.equal(b.count('BYE'), 0)
  await world.quiet()
  assert.deepEqual([strange, names.nodeDns.questions.filter(({ name }) => name.includes('office'))], [[], []])
  world.carrier.socket.onHeard = onHeard
})
