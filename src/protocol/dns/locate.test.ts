import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TurnedClock } from '#lib/index.ts'
import type { RecordData } from './answer.ts'
import type { Ask } from './client.ts'
import { DnsFailure } from './failure.ts'
import { locate } from './locate.ts'
import { hostName } from './name.ts'
import { nameServers } from './resolv-conf.ts'

const clock = new TurnedClock()

type Zone = Record<string, RecordData[keyof RecordData][] | 'fails'>

/** Asks a zone, `NAPTR carrier.example` and so on; what it does not have is not there. */
function zone(records: Zone) {
  const asked: string[] = []
  const ask: Ask = async (name, type) => {
    asked.push(`${type} ${name}`)
    const found = records[`${type} ${name}`] ?? []
    if (found === 'fails') throw new DnsFailure(name, type, 'silent')
    return { records: found as never, freshMs: type === 'A' ? 5000 : 60_000 }
  }
  return { ask, asked }
}

const srv = (target: string, port = 5060, priority = 0, weight = 0) => ({ priority, weight, port, target })
const naptr = (order: number, services: string, replacement: string) => {
  return { order, preference: 0, flags: 's', services, regexp: '', replacement }
}
const where = ({ targets }: Awaited<ReturnType<typeof locate>>) =>
  targets.map(({ transport, addresses, port }) => `${transport}:${addresses.join('+')}:${port}`)

test('S36 a name with address and SRV records: SRV first, of TLS as _sips._tcp, and the address itself is not asked', async () => {
  const { ask, asked } = zone({
    'A carrier.example': ['203.0.113.99'],
    'SRV _sips._tcp.carrier.example': [srv('edge.carrier.example', 5071)],
    'A edge.carrier.example': ['203.0.113.1', '203.0.113.2'],
  })
  const found = await locate(clock, ask, { name: 'carrier.example', transport: 'tls' }, ['A'])
  assert.deepEqual(where(found), ['tls:203.0.113.1+203.0.113.2:5071'])
  assert.deepEqual(asked, ['SRV _sips._tcp.carrier.example', 'A edge.carrier.example'])
  assert.equal(found.freshMs, 5000)
})

test('NAPTR says the transport, by order and not by where it stands; what we do not speak is passed over (RFC 3263 §4.1)', async () => {
  const { ask } = zone({
    'NAPTR carrier.example': [
      naptr(30, 'SIP+D2U', '_sip._udp.carrier.example'),
      naptr(10, 'SIP+D2S', '_sip._sctp.carrier.example'),
      { ...naptr(5, 'SIP+D2T', ''), regexp: '!.*!sip:x@y!' },
      naptr(20, 'SIP+D2T', '_sip._tcp.elsewhere.example'),
    ],
    'SRV _sip._tcp.elsewhere.example': [srv('a.carrier.example', 5070, 1), srv('b.carrier.example', 5060, 0)],
    'A a.carrier.example': ['203.0.113.1'],
    'A b.carrier.example': ['203.0.113.2'],
  })
  assert.deepEqual(where(await locate(clock, ask, { name: 'carrier.example' }, ['A'])), [
    'tcp:203.0.113.1:5070',
    'tcp:203.0.113.2:5060',
  ])
})

test('without NAPTR the first transport with SRV; without SRV the address by UDP', async () => {
  const { ask } = zone({
    'SRV _sip._tcp.carrier.example': [srv('a.carrier.example')],
    'A a.carrier.example': ['203.0.113.1'],
    'A plain.example': ['203.0.113.9'],
  })
  assert.deepEqual(where(await locate(clock, ask, { name: 'carrier.example' }, ['A'])), ['tcp:203.0.113.1:5060'])
  assert.deepEqual(where(await locate(clock, ask, { name: 'plain.example' }, ['A'])), ['udp:203.0.113.9:5060'])
  assert.deepEqual(where(await locate(clock, ask, { name: 'plain.example', transport: 'tls' }, ['A'])), ['tls:203.0.113.9:5061'])
  assert.deepEqual(where(await locate(clock, ask, { name: 'nowhere.example' }, ['A'])), [])
})

test('NAPTR names no service by a word that every object knows', async () => {
  const { ask } = zone({
    'NAPTR carrier.example': ['constructor', '__proto__'].map((service) => naptr(1, service, '_sip._udp.elsewhere.example')),
    'SRV _sip._udp.elsewhere.example': [srv('x.elsewhere.example')],
    'A x.elsewhere.example': ['203.0.113.66'],
    'A carrier.example': ['203.0.113.9'],
  })
  assert.deepEqual(where(await locate(clock, ask, { name: 'carrier.example' }, ['A'])), ['udp:203.0.113.9:5060'])
})

test('S35 a transport that DNS tells is gone to, though DNS does not tell, or is slow to tell, of one that comes behind it', async () => {
  const { ask } = zone({
    'SRV _sip._udp.carrier.example': [srv('a.carrier.example')],
    'SRV _sip._tcp.carrier.example': 'fails',
    'A a.carrier.example': ['203.0.113.1'],
  })
  const patient: Ask = (name, type) => (name.startsWith('_sips.') ? new Promise<never>(() => {}) : ask(name, type))
  assert.deepEqual(where(await locate(clock, patient, { name: 'carrier.example' }, ['A'])), ['udp:203.0.113.1:5060'])
})

test('a port that is given looks for no SRV (RFC 3263 §4.2)', async () => {
  const { ask, asked } = zone({ 'A carrier.example': ['203.0.113.1'], 'SRV _sip._udp.carrier.example': [srv('x.example')] })
  assert.deepEqual(where(await locate(clock, ask, { name: 'carrier.example', port: 5080 }, ['A'])), ['udp:203.0.113.1:5080'])
  assert.deepEqual(asked, ['A carrier.example'])
})

test('S35 where SRV cannot be had the address is not tried instead; a root as target says that there is no service', async () => {
  const fails = zone({ 'SRV _sip._udp.carrier.example': 'fails', 'A carrier.example': ['203.0.113.99'] })
  await assert.rejects(locate(clock, fails.ask, { name: 'carrier.example', transport: 'udp' }, ['A']), DnsFailure)
  const none = zone({ 'SRV _sip._udp.carrier.example': [srv('', 0)], 'A carrier.example': ['203.0.113.99'] })
  assert.deepEqual((await locate(clock, none.ask, { name: 'carrier.example', transport: 'udp' }, ['A'])).targets, [])
})

test('a target whose address DNS does not tell is named; without any there is no answer at all', async () => {
  const targets = [srv('a.carrier.example'), srv('b.carrier.example'), srv('bad target'), srv('192.0.2.1')]
  const records: Zone = {
    'SRV _sip._udp.carrier.example': targets,
    'A a.carrier.example': 'fails',
    'A b.carrier.example': ['203.0.113.2'],
  }
  const found = await locate(clock, zone(records).ask, { name: 'carrier.example', transport: 'udp' }, ['A'])
  assert.deepEqual([where(found), found.unknown], [['udp:203.0.113.2:5060'], ['a.carrier.example']])
  const dead = zone({ ...records, 'A b.carrier.example': 'fails' })
  await assert.rejects(locate(clock, dead.ask, { name: 'carrier.example', transport: 'udp' }, ['A']), DnsFailure)
})

test('names and name servers are read as they are written', () => {
  assert.deepEqual(
    ['SIP.Carrier.Example.', 'a.b1', '_sip._udp.x', '203.0.113.1', 'carrier', 'a..b', '-a.b', 'a b.c', `${'a'.repeat(64)}.b`].map(
      hostName,
    ),
    ['sip.carrier.example', 'a.b1', '_sip._udp.x', null, null, null, null, null, null],
  )
  const text = '# nameserver 1.1.1.1\nsearch x\nnameserver 192.0.2.1\n nameserver 2001:db8::1 \nnameserver none\n'
  assert.deepEqual(nameServers(text), ['192.0.2.1', '2001:db8::1'])
})

test('S34 a target whose address is slow to come is not waited for longer than a moment behind the first one', async () => {
  const slow = Promise.withResolvers<never>()
  const { ask } = zone({
    'SRV _sip._udp.carrier.example': ['a', 'b', 'c'].map((name, i) => srv(`${name}.carrier.example`, 5060, i)),
    'A b.carrier.example': ['203.0.113.2'],
    'A c.carrier.example': 'fails',
  })
  let found: Awaited<ReturnType<typeof locate>> | null = null
  const patient: Ask = (name, type) => (name.startsWith('a.') ? slow.promise : ask(name, type))
  void locate(clock, patient, { name: 'carrier.example', transport: 'udp' }, ['A']).then((located) => {
    found = located
  })
  const settle = () => new Promise(setImmediate)
  await settle()
  clock.turn(299)
  await settle()
  assert.equal(found, null)
  clock.turn(1)
  await settle()
  assert.deepEqual([where(found!), found!.unknown], [['udp:203.0.113.2:5060'], ['a.carrier.example', 'c.carrier.example']])
  assert.equal(clock.pending, 0)
})

test('of a host with addresses of both families those of the first one asked for come first; one family that DNS does not tell is no harm', async () => {
  const records: Zone = {
    'AAAA pbx.example': ['fd12::10', 'fd12::11'],
    'A pbx.example': ['192.168.1.10'],
    'AAAA old.example': 'fails',
    'A old.example': ['192.168.1.11'],
    'AAAA new.example': ['fd12::12'],
    'AAAA dead.example': 'fails',
    'SRV _sip._udp.example': [srv('pbx.example', 5070), srv('old.example', 5080, 1), srv('dead.example', 5090, 2)],
  }
  const { ask } = zone(records)
  const find = (name: string, port?: number) => locate(clock, ask, { name, port, transport: 'udp' }, ['AAAA', 'A'])
  assert.deepEqual(where(await find('pbx.example', 5060)), ['udp:fd12::10+fd12::11+192.168.1.10:5060'])
  assert.deepEqual(where(await find('old.example', 5060)), ['udp:192.168.1.11:5060'])
  assert.deepEqual(where(await find('new.example', 5060)), ['udp:fd12::12:5060'])
  await assert.rejects(find('dead.example', 5060), DnsFailure, 'nothing is known of one, and of the other nothing is there')
  const found = await find('example')
  assert.deepEqual(where(found), ['udp:fd12::10+fd12::11+192.168.1.10:5070', 'udp:192.168.1.11:5080'])
  assert.deepEqual(found.unknown, ['dead.example'])
})

test('a host whose AAAA is slow to come is had by its A a moment later', async () => {
  const slow = Promise.withResolvers<never>()
  const { ask } = zone({ 'A pbx.example': ['192.168.1.10'] })
  let found: Awaited<ReturnType<typeof locate>> | null = null
  const patient: Ask = (name, type) => (type === 'AAAA' ? slow.promise : ask(name, type))
  void locate(clock, patient, { name: 'pbx.example', port: 5060 }, ['AAAA', 'A']).then((located) => {
    found = located
  })
  const settle = () => new Promise(setImmediate)
  await settle()
  clock.turn(299)
  await settle()
  assert.equal(found, null)
  clock.turn(1)
  await settle()
  assert.deepEqual(where(found!), ['udp:192.168.1.10:5060'])
  assert.equal(clock.pending, 0)
})
