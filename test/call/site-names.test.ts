import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { PbxConfig } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import { type Dns, type Records, startDns } from '../peer/dns.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import type { Message } from '../peer/sip/message.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { StreamPeer } from '../peer/sip/stream-peer.ts'
import { DID, PUBLIC, World } from './harness.ts'

const NAME = 'pbx.office.lan'

let world: World
/** The site's own, and the node's, which is never to be asked for a name of the site. */
let dns: Dns
let nodeDns: Dns
before(async () => {
  world = await World.open({ voice: true, subscriber: { defaultRoute: { pbx: '101' } } })
  dns = await startDns(at(75), {})
  world.defer(() => dns[Symbol.dispose]())
  nodeDns = await startDns(at(53), { [NAME]: at(74) })
  world.defer(() => nodeDns[Symbol.dispose]())
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
})
after(() => world[Symbol.asyncDispose]())
beforeEach(() => {
  dns.mood = {}
  dns.questions.length = 0
  for (const name of Object.keys(dns.records)) delete dns.records[name]
})

const at = (last: number) => `${world.net}.${last}`

/** A PBX of the site, until it is killed. */
async function server(last: number): Promise<FarEnd & AsyncDisposable & { invites: Message[] }> {
  const end = await FarEnd.open({ address: at(last), port: 5060, name: `pbx${last}`, watched: [] })
  end.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const invites: Message[] = []
  const receive = end.socket.onRequest
  end.socket.onRequest = (message, from) => {
    if (message.method === 'INVITE') invites.push(message)
    receive(message, from)
  }
  return Object.assign(end, { invites, [Symbol.asyncDispose]: async () => void (await end.close()) })
}

/** SRV records of the name, in this order of priority, with an address for each target. */
function srv(targets: number[], service = '_sip._udp', port = 5060, ttl = 30): void {
  const records = targets.map((last, priority) => ({ priority, weight: 1, port, target: `s${last}.office.lan` }))
  dns.records[`${service}.${NAME}`] = { SRV: records, ttl }
  for (const last of targets) dns.records[`s${last}.office.lan`] = { A: [at(last)], ttl }
}

/** Publishes where the PBX is. Another server at first, so that nothing is known of any name. */
async function pbx(config: PbxConfig): Promise<void> {
  const { channel } = world.snapshot.subscribers[0]!
  await world.change({ channel: { ...channel, dns: null } })
  const site = { ...world.snapshot.subscribers[0]!.site, pbx: { number: PUBLIC, ...config } }
  await world.change({ channel: { ...channel, dns: { servers: [at(75)], search: 'office.lan' } }, site })
}

/** A call from outside for the PBX: how it ended and after how many ms. */
async function call(): Promise<number> {
  const begun = performance.now()
  const placed = await world.second.place({ to: world.node, from: '+32470123456', number: DID })
  await until('an answer', () => placed.phase !== 'setup', 8000)
  const took = performance.now() - begun
  assert.equal(placed.phase, 'up')
  placed.hangup()
  await world.quiet()
  return took
}

const why = async () => (await world.events()).findLast(({ type }) => type === 'leg.diverted')?.data.why

test('S34 S36 T08 a PBX with two servers by SRV of the site’s own DNS: one is killed, and the other has the call; the dead one is not waited for again', async () => {
  const second = await server(78)
  await using _second = second
  {
    await using first = await server(76)
    srv([76, 78])
    await pbx({ host: NAME })
    assert.ok((await call()) < 2000)
    assert.equal(first.invites[0]?.uri, `sip:101@${NAME}`, 'the name stays what is asked for')
    assert.deepEqual([first.invites.length, second.invites.length], [1, 0])
  }
  const failover = await call()
  assert.ok(failover > 900 && failover < 3000, `after ${Math.round(failover)} ms`)
  assert.equal(second.invites.length, 1)
  const next = await call()
  assert.ok(next < 800, `the dead one was waited for again: ${Math.round(next)} ms`)
  assert.ok(dns.questions.every(({ from }) => from === world.siteSwitch.address))
  assert.ok(dns.questions.some(({ type, name }) => type === 'NAPTR' && name === NAME))
  assert.deepEqual(
    nodeDns.questions.filter(({ name }) => name.includes('office')),
    [],
  )
})

test('S34 a server of the site that says 503 is passed by at once; what the PBX says of its telephone is final', async () => {
  await using first = await server(80)
  await using second = await server(81)
  srv([80, 81])
  await pbx({ host: NAME })
  first.rules = [{ user: '*', does: 503 }]
  assert.ok((await call()) < 1000)
  assert.equal(second.invites.length, 1)
  first.rules = [{ user: '*', does: 486 }]
  const busy = await world.second.place({ to: world.node, from: '+32470123456', number: DID })
  await until('the refusal', () => busy.phase === 'ended', 3000)
  assert.deepEqual([busy.report().final?.status, second.invites.length], [486, 1])
  await world.quiet()
})

test('T12 all servers of the site are dead, or its DNS is: the call goes over the trunk within 3 s', async () => {
  srv([76, 77, 78, 79])
  await pbx({ host: NAME })
  const dead = await call()
  assert.ok(dead < 3000, `after ${Math.round(dead)} ms`)
  assert.equal(await why(), 'no-response')
  for (const mood of [{ silent: true }, { fails: true }]) {
    await pbx({ host: NAME })
    dns.mood = mood
    assert.ok((await call()) < 3000)
    assert.equal(await why(), 'channel-down')
  }
  dns.mood = {}
  // There is no such name: nothing is called that nobody has configured, not even its address.
  dns.records[`_sip._udp.${NAME}`] = { SRV: [{ port: 0, target: '.' }] }
  dns.records[NAME] = at(76)
  await using bogus = await server(76)
  await pbx({ host: NAME })
  assert.ok((await call()) < 1500)
  assert.deepEqual([await why(), bogus.invites.length], ['channel-down', 0])
})

test('S36 NAPTR of the site says TCP; a port that is given needs neither; answers that are cut are asked for by TCP inside the site', async () => {
  const peer = await StreamPeer.open(at(79), 5070)
  world.defer(() => peer.close())
  await using plain = await server(76)
  const naptr = (order: number, services: string, replacement: string) => ({ order, preference: 1, services, replacement })
  const NAPTR: Records['NAPTR'] = [
    naptr(10, 'SIPS+D2T', `_sips._tcp.${NAME}`),
    naptr(20, 'SIP+D2T', `_sip._tcp.${NAME}`),
    naptr(30, 'SIP+D2U', `_sip._udp.${NAME}`),
  ]
  dns.records[NAME] = { A: [at(76)], NAPTR }
  srv([79], '_sip._tcp', 5070)
  srv([76])
  await pbx({ host: NAME })
  dns.mood = { cut: true, lies: at(99) }
  await call()
  assert.equal(peer.requests('INVITE')[0]?.uri, `sip:101@${NAME}`)
  assert.deepEqual([plain.invites.length, peer.requests('BYE').length], [0, 1])
  const tcp = dns.questions.filter(({ over }) => over === 'tcp')
  assert.ok(tcp.length > 0 && tcp.every(({ from }) => from === world.siteSwitch.address))
  dns.mood = {}
  await pbx({ host: 'pbx', port: 5060 })
  dns.questions.length = 0
  await call()
  assert.equal(plain.invites[0]?.uri, 'sip:101@pbx:5060')
  assert.deepEqual(
    dns.questions.map(({ type, name }) => `${type} ${name}`),
    [`A ${NAME}`],
  )
  const probe = await world.link.call('channel.probe', { subscriber: world.acme, timeoutMs: 2000 })
  assert.match(probe.dns!.text, new RegExp(`says ${at(76)}:5060 by UDP for pbx`))
  assert.equal(probe.pbx?.ok, true)
})

test('the check of a channel asks the site’s DNS also where the PBX is an address, and names the server that is silent or refuses', async () => {
  await using living = await server(94)
  await pbx({ host: at(94) })
  const probed = async () => (await world.link.call('channel.probe', { subscriber: world.acme, timeoutMs: 1000 })).dns
  assert.deepEqual(await probed(), { ok: true, text: `The DNS server ${at(75)} answers.` })
  assert.deepEqual(
    dns.questions.map(({ name, from }) => [name, from]),
    [['office.lan', world.siteSwitch.address]],
  )
  dns.mood = { fails: true }
  assert.match((await probed())!.text, /refuses to tell: check that it serves the search domain/)
  dns.mood = { silent: true }
  const silent = await probed()
  assert.deepEqual([silent?.ok, silent?.text.includes(`${at(75)} does not answer`)], [false, true])
  dns.mood = {}
  const { channel } = world.snapshot.subscribers[0]!
  await world.change({ channel: { ...channel, dns: { servers: [at(75), at(95)], search: 'office.lan' } } })
  const second = await probed()
  assert.equal(second?.ok, false, 'a dead second server makes every question of the agent slow')
  assert.match(second!.text, new RegExp(`${at(75)} answers\\. The DNS server ${at(95)} does not answer`))
  await world.change({ channel: { ...channel, dns: null } })
  assert.equal(await probed(), null)
  assert.equal(living.invites.length, 0)
})

test('RFC 3263 §4 F05 a PBX whose Contact is a name: what follows goes to a server of it in the site, the living one, and never out of its networks', async () => {
  const far = await FarEnd.open({ address: at(90), port: 5060, name: 'scripted', watched: [] })
  world.defer(() => far.close())
  await using living = await server(92)
  const heard: Message[] = []
  living.socket.onRequest = (request, from) => {
    heard.push(request)
    if (request.method !== 'ACK') living.socket.send(living.socket.response(request, 200, 'OK', '', [], ''), from)
  }
  dns.records[`_sip._udp.cluster.office.lan`] = {
    // The first is dead, and one is the carrier: a site leads nobody there.
    SRV: [91, 2, 92].map((last, priority) => ({ priority, weight: 1, port: 5060, target: `c${last}.office.lan` })),
  }
  for (const last of [91, 2, 92]) dns.records[`c${last}.office.lan`] = at(last)
  await pbx({ host: at(90), port: 5060 })
  nodeDns.questions.length = 0
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
  assert.deepEqual([strange, nodeDns.questions.filter(({ name }) => name.includes('office'))], [[], []])
  world.carrier.socket.onHeard = onHeard
})
