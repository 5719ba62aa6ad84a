import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, TurnedClock } from '#lib/index.ts'
import type { TrunkConfig } from '#platform/words/index.ts'
import type { SipTarget } from '#protocol/dns/index.ts'
import { serverHop, serverUri } from './hop.ts'
import { Locations } from './location.ts'
import { redirectedTo, retryAfterMs } from './redirect.ts'
import type { GatewayServer } from './server.ts'

const HOUR = 3_600_000

const target = (host: string, addresses: string[], transport: SipTarget['transport'] = 'udp'): SipTarget => ({
  ...{ host, addresses, port: transport === 'tls' ? 5061 : 5060, transport, priority: 0, weight: 0 },
})

function trunkOf(...gateways: TrunkConfig['gateways']): TrunkConfig {
  return { id: newId('trk'), name: 't', gateways, emergencyReserve: 0, media: 'relay' }
}

function world() {
  const clock = new TurnedClock()
  const locations = new Locations({ now: () => clock.now(), formerMs: HOUR })
  const name = { address: 'carrier.example' }
  const trunk = trunkOf({ address: '192.0.2.1', port: 5060 }, name)
  const other = trunkOf({ address: '192.0.2.1', port: 5070 }, { address: '192.0.2.7', port: 5061, transport: 'tls' })
  locations.configure([trunk, other])
  return { clock, locations, name, trunk, other }
}

test('a source is a trunk’s by address and by every address of its names; one by TLS alone is not heard in the clear', () => {
  const { locations, name, trunk, other } = world()
  assert.deepEqual(locations.sourceOf('192.0.2.1'), { trunk: trunk.id, clear: true, begins: true })
  assert.deepEqual(locations.sourceOf('192.0.2.7'), { trunk: other.id, clear: false, begins: true })
  assert.equal(locations.sourceOf('192.0.2.11'), undefined)
  assert.ok(
    locations.place(trunk.id, name, [
      target('a.example', ['192.0.2.11', '192.0.2.12']),
      target('b.example', ['192.0.2.13'], 'tls'),
    ]),
  )
  for (const [address, clear] of [
    ['192.0.2.11', true],
    ['192.0.2.12', true],
    ['192.0.2.13', false],
  ] as const)
    assert.deepEqual(locations.sourceOf(address), { trunk: trunk.id, clear, begins: true })
  const shuffled = [target('b.example', ['192.0.2.13'], 'tls'), target('a.example', ['192.0.2.12', '192.0.2.11'])]
  assert.equal(locations.place(trunk.id, name, shuffled), false, 'the order of records is no news')
})

test('an address that a name has left begins no calls after a minute, may go on for as long as calls last, and comes back', () => {
  const { clock, locations, name, trunk } = world()
  locations.place(trunk.id, name, [target('a.example', ['192.0.2.11'])])
  locations.place(trunk.id, name, [target('a.example', ['192.0.2.12'])])
  assert.equal(locations.sourceOf('192.0.2.11')?.begins, true)
  clock.turn(60_000)
  assert.deepEqual(locations.sourceOf('192.0.2.11'), { trunk: trunk.id, clear: true, begins: false })
  locations.place(trunk.id, name, [target('a.example', ['192.0.2.11'])])
  assert.equal(locations.sourceOf('192.0.2.11')?.begins, true)
  clock.turn(HOUR + 1)
  assert.equal(locations.sourceOf('192.0.2.12'), undefined)
})

test('O07 a gateway that the operator takes away begins no call any more and goes on with those that are up; a trunk is gone at once', () => {
  const { locations, name, trunk, other } = world()
  locations.place(trunk.id, name, [target('a.example', ['192.0.2.11'])])
  locations.configure([{ ...trunk, gateways: [{ address: '192.0.2.2', port: 5060 }] }, other])
  assert.deepEqual(locations.sourceOf('192.0.2.11'), { trunk: trunk.id, clear: true, begins: false })
  assert.equal(locations.sourceOf('192.0.2.1')?.trunk, other.id, 'which has it too')
  // A call of a former process, at an address that nobody says any more.
  locations.stays(trunk.id, '192.0.2.99', true)
  assert.deepEqual(locations.sourceOf('192.0.2.99'), { trunk: trunk.id, clear: true, begins: false })
  locations.configure([other])
  for (const address of ['192.0.2.2', '192.0.2.11', '192.0.2.99']) assert.equal(locations.sourceOf(address), undefined)
  locations.stays(trunk.id, '192.0.2.99', true)
  assert.equal(locations.sourceOf('192.0.2.99'), undefined)
})

test('a gateway with a name is asked by its name, and its certificate is for it, whatever SRV says (RFC 5922)', () => {
  const at = { host: 'edge7.example', address: '192.0.2.9', port: 5071, transport: 'tls' as const }
  const trunk = trunkOf({ address: 'carrier.example' })
  const named = { ...at, gateway: trunk.gateways[0]! }
  assert.equal(serverUri(named, '+32'), 'sip:+32@carrier.example')
  assert.equal(
    serverUri({ ...named, gateway: { address: 'carrier.example', port: 5071, transport: 'tls' } }, '+32'),
    'sip:+32@carrier.example:5071;transport=tls',
  )
  assert.equal(
    serverUri({ ...at, gateway: { address: '192.0.2.9', port: 5071, transport: 'tls' } }, '+32'),
    'sip:+32@192.0.2.9:5071;transport=tls',
  )
  assert.equal(serverUri(named), 'sip:carrier.example')
  assert.deepEqual(serverHop(trunk, named), {
    ...{ transport: 'tls', address: '192.0.2.9', port: 5071, profile: trunk.id, name: 'carrier.example' },
  })
})

test('a redirection leads to hosts of the same trunk, the likeliest first, and nowhere else', () => {
  const trunk = trunkOf({ address: 'carrier.example' }, { address: '192.0.2.1', port: 5060 })
  const [named, plain] = trunk.gateways
  const servers: GatewayServer[] = [
    { gateway: named!, host: 'a.example', address: '192.0.2.11', port: 5060, transport: 'udp' },
    { gateway: named!, host: 'b.example', address: '192.0.2.12', port: 5060, transport: 'udp' },
    { gateway: plain!, host: '192.0.2.1', address: '192.0.2.1', port: 5060, transport: 'udp' },
  ]
  const places = (...contacts: string[]) =>
    redirectedTo(contacts, trunk, servers).map(({ uri, server }) => `${uri} ${server.transport}:${server.address}:${server.port}`)
  assert.deepEqual(
    places('<sip:+321@203.0.113.9>', '<sip:+321@evil.example>', '<tel:+321>', 'sip:192.0.2.1', '<sip:a b@192.0.2.1>'),
    [],
  )
  assert.deepEqual(places('<sip:+321@192.0.2.1>;q=0.2', '<sip:+322@B.example:5080;transport=tcp;x=y>;q=0.9'), [
    'sip:+322@B.example:5080;transport=tcp tcp:192.0.2.12:5080',
    'sip:+321@192.0.2.1 udp:192.0.2.1:5060',
  ])
  assert.deepEqual(places('<sip:+321;npdi;rn=+3299@carrier.example>'), [
    'sip:+321;npdi;rn=+3299@carrier.example udp:192.0.2.11:5060',
    'sip:+321;npdi;rn=+3299@carrier.example udp:192.0.2.12:5060',
  ])
  const secure = { gateways: [{ address: 'carrier.example', transport: 'tls' as const }] }
  assert.deepEqual(redirectedTo(['<sip:1@a.example;transport=udp>'], secure, servers), [], 'TLS does not become clear')
})

test('Retry-After is a number of seconds, with whatever stands behind it', () => {
  const said = (value?: string) => retryAfterMs({ header: () => value } as never)
  assert.deepEqual(
    [said('5'), said('120 (maintenance)'), said('18;duration=60'), said('soon'), said()],
    [5000, 120_000, 18_000, 0, 0],
  )
})

test('a trunk calls from its networks, too: the smallest that an address is of counts, a gateway before all; one that is taken away begins no calls', () => {
  const { clock, locations, trunk, other } = world()
  const sources = { wide: '198.51.0.0/16', narrow: '198.51.100.0/24', v6: '2001:db8:1::/48' }
  locations.configure([
    { ...trunk, sources: [sources.wide, '192.0.2.0/24'] },
    { ...other, sources: [sources.narrow, sources.v6] },
  ])
  const of = (address: string) => locations.sourceOf(address)
  assert.deepEqual(of('198.51.7.1'), { trunk: trunk.id, clear: true, begins: true, listed: true })
  assert.equal(of('198.51.100.9')?.trunk, other.id)
  assert.equal(of('2001:db8:1::5')?.trunk, other.id)
  assert.deepEqual(of('192.0.2.7'), { trunk: other.id, clear: false, begins: true }, 'a gateway')
  assert.equal(of('203.0.113.1'), undefined)
  assert.equal(of('2001:db8:2::5'), undefined)
  locations.configure([trunk, { ...other, sources: [sources.narrow] }])
  assert.deepEqual(of('198.51.7.1'), { trunk: trunk.id, clear: true, begins: false, listed: true })
  assert.equal(of('198.51.100.9')?.begins, true)
  clock.turn(HOUR / 2)
  locations.configure([trunk, { ...other, sources: [sources.narrow] }])
  clock.turn(HOUR / 2 + 1)
  assert.equal(of('198.51.7.1'), undefined)
  const secret = { ...other, gateways: other.gateways.slice(1), sources: [sources.narrow] }
  locations.configure([trunk, secret])
  assert.equal(of('198.51.100.9')?.clear, false, 'a trunk by TLS alone')
  locations.configure([trunk])
  assert.equal(of('198.51.100.9'), undefined, 'the trunk is gone')
})

test('a gateway that becomes one of a network goes on to begin calls, and so does where a call comes from that outlives the switch', () => {
  const { clock, locations, trunk, other } = world()
  const [gateway, name] = trunk.gateways
  const calling = { address: '198.51.100.9', port: 5060 }
  locations.configure([{ ...trunk, gateways: [gateway!, calling, name!] }, other])
  assert.deepEqual(locations.sourceOf('198.51.100.9'), { trunk: trunk.id, clear: true, begins: true })
  const sources = ['198.51.100.0/24']
  locations.configure([{ ...trunk, sources }, other])
  assert.deepEqual(locations.sourceOf('198.51.100.9'), { trunk: trunk.id, clear: true, begins: true, listed: true })
  locations.stays(trunk.id, '198.51.100.10', true)
  assert.deepEqual(locations.sourceOf('198.51.100.10'), { trunk: trunk.id, clear: true, begins: true, listed: true })
  // Once the network is gone, too, what is up there goes on, and nothing begins.
  locations.configure([trunk, other])
  for (const last of [9, 10]) assert.equal(locations.sourceOf(`198.51.100.${last}`)?.begins, false)
  clock.turn(HOUR + 1)
  for (const last of [9, 10]) assert.equal(locations.sourceOf(`198.51.100.${last}`), undefined)
})
