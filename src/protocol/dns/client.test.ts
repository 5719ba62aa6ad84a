import assert from 'node:assert/strict'
import { test } from 'node:test'
import dnsPacket from 'dns-packet'
import { TurnedClock } from '#lib/index.ts'
import { DnsClient } from './client.ts'
import type { Exchange } from './exchange.ts'
import { DnsFailure } from './failure.ts'

interface Sent {
  packet: dnsPacket.DecodedPacket
  server: string
  over: 'udp' | 'tcp'
}

type Reply = Partial<dnsPacket.Packet> | 'silence'

/** A network of name servers that answer by `reply`; what is sent to them is kept. */
function network(reply: (sent: Sent) => Reply | Reply[], servers = ['192.0.2.53']) {
  const clock = new TurnedClock()
  const sent: Sent[] = []
  const exchange: Exchange = async (query, { server, over, isAnswer }) => {
    const one = { packet: dnsPacket.decode(Buffer.from(query)), server, over }
    sent.push(one)
    for (const answer of [reply(one)].flat()) {
      if (answer === 'silence') continue
      const { id, questions } = one.packet
      const bytes = dnsPacket.encode({ type: 'response', id: id!, questions: questions!, ...answer })
      if (isAnswer(bytes)) return bytes
    }
    return null
  }
  return { clock, sent, client: new DnsClient({ clock, exchange, servers: () => servers }) }
}

const a = (data: string, ttl = 100, name = 'sip.carrier.example') => ({ type: 'A' as const, name, ttl, data })
const soa = { mname: 'ns.example', rname: 'x.example', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 30 }
const trouble = (promise: Promise<unknown>, what: string) =>
  assert.rejects(promise, (error) => error instanceof DnsFailure && error.trouble === what)

test('an answer holds for nine tenths of its time, and the same question is asked once at a time', async () => {
  let address = '192.0.2.1'
  const { client, sent, clock } = network(() => ({ answers: [a(address)] }))
  const [one, two] = await Promise.all([client.ask('sip.carrier.example', 'A'), client.ask('sip.carrier.example', 'A')])
  assert.deepEqual([one.records, two.records, one.freshMs], [['192.0.2.1'], ['192.0.2.1'], 90_000])
  clock.turn(89_000)
  assert.equal((await client.ask('sip.carrier.example', 'A')).freshMs, 1000)
  assert.equal(sent.length, 1)
  address = '192.0.2.2'
  clock.turn(1001)
  assert.deepEqual((await client.ask('sip.carrier.example', 'A')).records, ['192.0.2.2'])
})

test('that there is nothing is kept as long as the zone says (RFC 2308), and without its word not at all', async () => {
  let authorities: dnsPacket.Answer[] = [{ type: 'SOA', name: 'carrier.example', ttl: 600, data: soa }]
  const { client, sent, clock } = network(() => ({ flags: 3, authorities }))
  assert.deepEqual(await client.ask('no.carrier.example', 'SRV'), { records: [], freshMs: 27_000 })
  clock.turn(26_000)
  await client.ask('no.carrier.example', 'SRV')
  assert.equal(sent.length, 1)
  authorities = []
  clock.turn(2000)
  assert.equal((await client.ask('no.carrier.example', 'SRV')).freshMs, 0)
  await client.ask('no.carrier.example', 'SRV')
  assert.equal(sent.length, 3)
})

test('what is no answer to the question is passed over: another id, another name, another type, a query, noise', async () => {
  const lies: Partial<dnsPacket.Packet>[] = [
    { id: 1, answers: [a('203.0.113.1')] },
    { questions: [{ type: 'A', name: 'sip.other.example' }], answers: [a('203.0.113.2')] },
    { questions: [{ type: 'AAAA', name: 'sip.carrier.example' }], answers: [a('203.0.113.3')] },
    { type: 'query', answers: [a('203.0.113.4')] },
  ]
  const { client, sent } = network(({ packet }) => [
    ...lies.map((lie) => (lie.id === undefined ? lie : { ...lie, id: packet.id! ^ lie.id })),
    { answers: [a('192.0.2.1')] },
  ])
  assert.deepEqual((await client.ask('sip.carrier.example', 'A')).records, ['192.0.2.1'])
  assert.equal(sent.length, 1)
})

test('records of other names are not believed, wherever they stand; aliases are followed, and no loop of them for ever', async () => {
  const alias = (name: string, data: string) => ({ type: 'CNAME' as const, name, ttl: 50, data })
  const { client } = network(({ packet }) => {
    const asked = packet.questions![0]!.name
    if (asked === 'loop.example') return { answers: [alias('loop.example', 'b.example'), alias('b.example', 'loop.example')] }
    return {
      answers: [
        a('203.0.113.1', 9, 'evil.example'),
        alias('SIP.carrier.example', 'edge.example'),
        a('192.0.2.1', 100, 'edge.example'),
      ],
      additionals: [a('203.0.113.2', 9)],
    }
  })
  assert.deepEqual(await client.ask('sip.carrier.example', 'A'), { records: ['192.0.2.1'], freshMs: 45_000 })
  assert.deepEqual((await client.ask('loop.example', 'A')).records, [])
})

test('an answer that was cut short is asked for by TCP', async () => {
  const { client, sent } = network(({ over }) =>
    over === 'udp' ? { flags: dnsPacket.TRUNCATED_RESPONSE } : { answers: [a('192.0.2.1')] },
  )
  assert.deepEqual((await client.ask('sip.carrier.example', 'A')).records, ['192.0.2.1'])
  assert.deepEqual(
    sent.map(({ over }) => over),
    ['udp', 'tcp'],
  )
})

test('an IPv6 address has one text, as the source of a datagram has; NAPTR and SRV are read in lower case', async () => {
  const { client } = network(({ packet }) => {
    const { type, name } = packet.questions![0]!
    if (type === 'AAAA') return { answers: [{ type, name, ttl: 9, data: '2001:0DB8:0:0::0001' }] }
    if (type === 'SRV') return { answers: [{ type, name, ttl: 9, data: { port: 5060, target: 'S1.Carrier.Example' } }] }
    const data = {
      order: 1,
      preference: 2,
      flags: 'S',
      services: 'SIP+D2U',
      regexp: '',
      replacement: '_sip._udp.Carrier.example',
    }
    return { answers: [{ type: 'NAPTR', name, ttl: 9, data }] }
  })
  assert.deepEqual((await client.ask('carrier.example', 'AAAA')).records, ['2001:db8::1'])
  const [srv] = (await client.ask('_sip._udp.carrier.example', 'SRV')).records
  assert.deepEqual(srv, { priority: 0, weight: 0, port: 5060, target: 's1.carrier.example' })
  assert.equal((await client.ask('carrier.example', 'NAPTR')).records[0]?.replacement, '_sip._udp.carrier.example')
})

test('a server that is silent or cannot say is passed by, and whoever answered is asked first from then on', async () => {
  const servers = ['192.0.2.51', '192.0.2.52', '192.0.2.53']
  const { client, sent } = network(({ server }) => {
    if (server === '192.0.2.51') return 'silence'
    return server === '192.0.2.52' ? { flags: 2 } : { answers: [a('192.0.2.1', 0)] }
  }, servers)
  await client.ask('sip.carrier.example', 'A')
  await client.ask('sip.carrier.example', 'A')
  assert.deepEqual(
    sent.map(({ server }) => server.at(-1)),
    ['1', '2', '3', '3'],
  )
  assert.equal(new Set(sent.map(({ packet }) => packet.id)).size, 4, 'ids are drawn')
})

test('nobody answers: each server is asked twice and no more; a failure is not kept', async () => {
  let reply: Reply = 'silence'
  const { client, sent } = network(() => reply)
  await trouble(client.ask('sip.carrier.example', 'A'), 'silent')
  assert.equal(sent.length, 2)
  reply = { flags: 5 }
  await trouble(client.ask('sip.carrier.example', 'A'), 'refused')
  assert.equal(sent.length, 4)
  await trouble(network(() => 'silence', []).client.ask('sip.carrier.example', 'A'), 'no-server')
})
