import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { createServer as createTlsServer, type SecureVersion } from 'node:tls'
import { createSealer } from '#platform/subscriber/index.ts'
import { until } from '../peer/clock.ts'
import type { Records } from '../peer/dns.ts'
import { headerOf } from '../peer/sip/message.ts'
import { StreamPeer } from '../peer/sip/stream-peer.ts'
import { createTestCa } from './agent-ca.ts'
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

const secretsOf = ({ certificate, key }: { certificate: string; key: string }) => ({ cert: certificate, key })
const secured = (issued: { certificate: string; key: string }) => createTlsServer(secretsOf(issued))

test('S36 S43 a PBX whose NAPTR says TLS, and one whose policy does: by _sips._tcp of the site’s DNS, to whoever proves the name and nobody else', async () => {
  const office = await createTestCa()
  const wrong = await StreamPeer.open(names.at(98), 5061, secured(await office.server('s98.office.lan')), true)
  const right = await StreamPeer.open(names.at(99), 5071, secured(await office.server(NAME)), true)
  for (const peer of [wrong, right]) world.defer(() => peer.close())
  await using plain = await names.server(97)
  const tls = { ca: office.certificate }
  const NAPTR: Records['NAPTR'] = [
    { order: 10, preference: 1, services: 'SIPS+D2T', replacement: `_sips._tcp.${NAME}` },
    { order: 20, preference: 1, services: 'SIP+D2U', replacement: `_sip._udp.${NAME}` },
  ]
  const zone = (naptr: boolean) => {
    names.dns.records[`_sips._tcp.${NAME}`] = {
      SRV: [
        { priority: 1, weight: 1, port: 5061, target: 's98.office.lan' },
        { priority: 2, weight: 1, port: 5071, target: 's99.office.lan' },
      ],
    }
    for (const last of [98, 99]) names.dns.records[`s${last}.office.lan`] = names.at(last)
    names.srv([97])
    if (naptr) names.dns.records[NAME] = { A: [names.at(97)], NAPTR }
  }
  for (const how of ['NAPTR', 'policy'] as const) {
    for (const name of Object.keys(names.dns.records)) delete names.dns.records[name]
    zone(how === 'NAPTR')
    await names.pbx({ host: NAME, tls, ...(how === 'policy' ? { transport: 'tls' } : {}) })
    const before = right.requests('INVITE').length
    await names.call()
    const invites = right.requests('INVITE').slice(before)
    assert.deepEqual(
      invites.map(({ uri }) => uri),
      [`sip:101@${NAME}${how === 'policy' ? ';transport=tls' : ''}`],
      how,
    )
    assert.match(headerOf(invites[0]!, 'via'), /^SIP\/2\.0\/TLS /)
    assert.equal(right.requests('BYE').length, before + 1, 'by the same connection')
  }
  assert.equal(right.connections.length, 1)
  assert.deepEqual([wrong.requests('INVITE').length, plain.invites.length], [0, 0], 'nothing in the clear, nothing to a stranger')
  const probe = await world.link.call('channel.probe', { subscriber: world.acme, timeoutMs: 2000 })
  assert.match(probe.dns!.text, /by TLS/)
  assert.equal(probe.pbx?.ok, true)
  // Whoever is not of its CA is nobody: the call goes round, and never in the clear.
  for (const { socket } of right.connections) socket.destroy()
  await names.pbx({ host: NAME, transport: 'tls', tls: { ca: (await createTestCa()).certificate } })
  const others = right.requests('INVITE').length
  const took = await names.call()
  assert.ok(took < 3000, `after ${Math.round(took)} ms`)
  assert.deepEqual([right.requests('INVITE').length, plain.invites.length, await names.why()], [others, 0, 'no-response'])
})

test('a PBX at an address by TLS proves the name that its configuration says, or that address; a restart of the switch calls it again', async () => {
  const office = await createTestCa()
  const peer = await StreamPeer.open(names.at(100), 5061, secured(await office.server('pbx.internal')), true)
  world.defer(() => peer.close())
  const tls = { ca: office.certificate, serverName: 'pbx.internal' }
  await names.pbx({ host: names.at(100), port: 5061, transport: 'tls', tls })
  const up = await world.second.place({ to: world.node, from: '+32470123456', number: DID })
  await until('an answer', () => up.phase === 'up', 4000)
  assert.equal(peer.requests('INVITE')[0]?.uri, `sip:101@${names.at(100)}:5061;transport=tls`)
  await world.kill('switch')
  await world.startSwitch()
  up.hangup()
  await until('BYE by a connection of the new switch', () => peer.requests('BYE').length === 1, 4000)
  assert.equal(peer.connections.length, 2)
  await world.quiet()
  // A telephone book of the agent may say so of anybody in the site.
  await world.change({ defaultRoute: { sip: `sips:101@${names.at(100)}` } })
  await names.call()
  assert.equal(peer.requests('INVITE').length, 2)
  await names.pbx({ host: names.at(100), port: 5061, transport: 'tls', tls: { ca: office.certificate } })
  await world.change({ defaultRoute: { pbx: '101' } })
  for (const { socket } of peer.connections) socket.destroy()
  assert.ok((await names.call()) < 3000)
  assert.equal(peer.requests('INVITE').length, 2, 'its certificate is for another name than that address')
})

test('a PBX that demands a certificate is shown the one of its configuration, by TLS 1.2 and 1.3; without it the call goes round, and it is told why', async () => {
  const office = await createTestCa()
  const shown = await office.agent(world.acme)
  const own = await office.server('pbx.internal')
  const seal = (key: string) => createSealer(world.sealingKey).seal(key)
  const trusted = { ca: office.certificate, serverName: 'pbx.internal' }
  let last = 110
  for (const version of ['TLSv1.2', 'TLSv1.3'] satisfies SecureVersion[]) {
    const demanding = createTlsServer({
      ...{ cert: own.certificate, key: own.key, ca: office.certificate },
      ...{ requestCert: true, rejectUnauthorized: true, minVersion: version, maxVersion: version },
    })
    demanding.on('tlsClientError', () => {})
    const seen: string[] = []
    demanding.on('secureConnection', (socket) => seen.push(socket.getPeerX509Certificate()?.subject ?? ''))
    const peer = await StreamPeer.open(names.at(++last), 5061, demanding, true)
    world.defer(() => peer.close())
    const at = { host: names.at(last), port: 5061, transport: 'tls' as const }
    await names.pbx({ ...at, tls: trusted })
    assert.ok((await names.call()) < 3000)
    assert.deepEqual([peer.requests('INVITE').length, await names.why()], [0, 'no-response'])
    const why = (await world.events()).findLast(({ type }) => type === 'leg.diverted')?.cause?.text
    assert.match(
      why!,
      version === 'TLSv1.3' ? /it demands a certificate of ours, and there is none/ : /refuses the handshake, as one/,
    )
    const probe = await world.link.call('channel.probe', { subscriber: world.acme, timeoutMs: 2000 })
    assert.match(probe.pbx!.text, /cannot be spoken with by TLS: it .*certificate of ours/)
    await names.pbx({ ...at, tls: { ...trusted, certificate: shown.certificate, key: seal(shown.key) } })
    await names.call()
    assert.equal(peer.requests('INVITE').length, 1)
    assert.match(seen.at(-1)!, new RegExp(`CN=${world.acme}`))
    const stranger = await (await createTestCa()).agent(world.acme)
    for (const { socket } of peer.connections) socket.destroy()
    await names.pbx({ ...at, tls: { ...trusted, certificate: stranger.certificate, key: seal(stranger.key) } })
    assert.ok((await names.call()) < 3000)
    assert.deepEqual([peer.requests('INVITE').length, await names.why()], [1, 'no-response'])
  }
})

test('nobody of the site but its PBX is shown the certificate that is kept for it', async () => {
  const office = await createTestCa()
  const shown = await office.agent(world.acme)
  const key = createSealer(world.sealingKey).seal(shown.key)
  const asking = createTlsServer({
    ...secretsOf(await office.server('desk.office.lan')),
    requestCert: true,
    rejectUnauthorized: false,
  })
  const seen: string[] = []
  asking.on('secureConnection', (socket) => seen.push(socket.getPeerX509Certificate()?.subject ?? 'nothing'))
  const peer = await StreamPeer.open(names.at(121), 5061, asking, true)
  world.defer(() => peer.close())
  const tls = { ca: office.certificate, certificate: shown.certificate, key }
  await names.pbx({ host: names.at(120), port: 5061, transport: 'tls', tls })
  names.dns.records['desk.office.lan'] = names.at(121)
  await world.change({ defaultRoute: { sip: 'sips:101@desk.office.lan:5061' } })
  await names.call()
  assert.deepEqual([seen, peer.requests('INVITE').length], [['nothing'], 1])
  await world.change({ defaultRoute: { pbx: '101' } })
})
