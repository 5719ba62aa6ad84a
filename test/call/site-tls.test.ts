import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
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

const secured = ({ certificate, key }: { certificate: string; key: string }) => createTlsServer({ cert: certificate, key })

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
