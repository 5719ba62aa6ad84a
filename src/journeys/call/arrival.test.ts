import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import { createSealer } from '#platform/subscriber/index.ts'
import { createDirectory, Locations } from '#platform/trunk/index.ts'
import type { SubscriberConfig, TrunkConfig } from '#platform/words/index.ts'
import { parseMessage, SipRequest } from '#protocol/sip/index.ts'
import { loops, readArrival } from './arrival.ts'
import { roadsTo } from './road.ts'
import { readSnapshot } from './snapshot.ts'

function invite(headers: string, uri = 'sip:+3225550101@192.0.2.9'): SipRequest {
  const head = `INVITE ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nTo: <${uri}>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n`
  const message = parseMessage(Buffer.from(`${head}${headers}\r\n\r\n`))
  assert.ok(message instanceof SipRequest)
  return message
}

test('who calls is what the network asserts, on a trunk; from a site only what it shows (F08, F10)', () => {
  const headers = 'From: "Al\\"ice" <sip:101@pbx>;tag=a\r\nP-Asserted-Identity: "X" <sip:+32470123456@net>'
  assert.equal(readArrival(invite(headers), { trusted: true }).from.number, '+32470123456')
  const fromSite = readArrival(invite(headers), { trusted: false })
  assert.deepEqual(fromSite.from, { number: '101', name: 'Al"ice', uri: 'sip:101@pbx' })
  assert.equal(fromSite.maxForwards, 70)
})

test('a withheld number is anonymous, however it is withheld', () => {
  const ways = [
    'From: <sip:anonymous@anonymous.invalid>;tag=a',
    'From: <sip:+32470123456@x>;tag=a\r\nPrivacy: id',
    'From: "Anonymous" <sip:anonymous@x>;tag=a',
  ]
  for (const way of ways) {
    const { from, anonymous } = readArrival(invite(way), { trusted: true })
    assert.deepEqual([from, anonymous], [{ number: 'anonymous' }, true])
  }
})

test('a header that cannot be read says nothing, and a name has no control characters', () => {
  const odd = readArrival(invite('From: "a\tb" <sip:+32470123456@x>;tag=a\r\nP-Asserted-Identity: <<<'), { trusted: true })
  assert.deepEqual(odd.from, { number: '+32470123456', name: 'a b', uri: 'sip:+32470123456@x' })
})

test('S47 the fourth call of one caller to one number, while three are in set-up, is a loop', () => {
  const from = { number: '+32470123456' }
  const inSetup = (n: number) =>
    Array.from({ length: n }, () => ({ direction: 'in' as const, from, to: { number: '+3225550101' } }))
  const arrival = { from, to: { number: '003225550101' } }
  assert.ok(!loops(arrival, inSetup(2)))
  assert.ok(loops(arrival, inSetup(3)))
  assert.ok(!loops({ from: { number: '+32470999999' }, to: arrival.to }, inSetup(9)))
})

const trunk: TrunkConfig = {
  id: newId('trk'),
  name: 'main',
  gateways: [{ address: '192.0.2.1', port: 5060 }],
  emergencyReserve: 0,
  media: 'relay',
}
const subscriber = {
  id: newId('sub'),
  numbers: [{ number: '+3225550101' }],
  site: { pbx: { host: 'pbx.office.lan', port: 5060, number: '+3225550199' } },
} as unknown as SubscriberConfig
const contact = { uri: 'sip:101@10.0.0.1', hop: { transport: 'udp' as const, address: '10.0.0.1', port: 5060 } }
const locations = new Locations({ now: () => 0, formerMs: 0 })
locations.configure([trunk])
const directory = createDirectory({ trunks: [trunk], subscribers: [subscriber], emergency: { numbers: ['112'] }, locations })

test('the roads to an extension: the channel, and the stored public number behind it; a forced trunk alone', () => {
  const vias = (target: Parameters<typeof roadsTo>[0], via?: 'channel' | 'trunk') => {
    const contacts = (user: string) => (user === '101' ? [contact, contact] : [])
    const roads = roadsTo(target, { via, subscriber, directory, contacts })
    return 'refused' in roads ? roads.refused : roads.map((road) => road.via)
  }
  assert.deepEqual(vias({ pbx: '101' }), ['channel', 'trunk'])
  assert.deepEqual(vias({ pbx: '101' }, 'trunk'), ['trunk'])
  assert.deepEqual(vias({ number: '+32470123456' }), ['trunk'])
  assert.deepEqual(vias({ sip: 'sip:desk@192.168.1.30' }), ['channel'])
  assert.equal(vias({ trunk: 'none', number: '+32470123456' }), 'no-trunk')
  assert.equal(vias({ pbx: '1\r\nX: y' }), 'incomplete-number')
  assert.equal(vias({ sip: 'sip:a@b@c' }), 'incomplete-number')
  assert.equal(vias({ user: 'alice' }), 'unavailable')
  assert.deepEqual(vias({ user: '101' }), ['channel', 'channel'])
})

test('a snapshot that is not ours is passed over, never trusted', () => {
  const sealer = createSealer(Buffer.alloc(32, 1).toString('base64'))
  const ours = { version: 1, facts: { id: 'call_1', startedAt: {}, from: {} }, subscriber: 'sub_1', phase: 'joined' }
  const leg = JSON.stringify({ facts: { id: 'leg_1' }, dialog: { kind: 'session', session: {} } })
  const another = createSealer(Buffer.alloc(32, 2).toString('base64'))
  assert.equal(readSnapshot({ ...ours, legs: [{ sealed: sealer.seal(leg) }] }, sealer)?.legs[0]?.facts.id, 'leg_1')
  assert.equal(readSnapshot({ ...ours, legs: [{ sealed: another.seal(leg) }] }, sealer), null)
  for (const bad of [null, 1, {}, { version: 2 }, { version: 1, facts: {}, legs: [], subscriber: 'sub_1', phase: 'setup' }]) {
    assert.equal(readSnapshot(bad, sealer), null)
  }
})
