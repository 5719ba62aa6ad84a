import assert from 'node:assert/strict'
import { test } from 'node:test'
import dnsPacket from 'dns-packet'
import { TurnedClock } from '#lib/index.ts'
import type { Ask } from '#protocol/dns/index.ts'
import { NameNotResolved, SipNames } from './sip-names.ts'
import { SiteDns } from './site-dns.ts'

const SERVER = { address: '192.168.1.53', port: 53 }

function world(config: { servers: string[]; search?: string } | null = { servers: [SERVER.address], search: 'office.lan' }) {
  const clock = new TurnedClock()
  const sent: { packet: dnsPacket.Packet; to: { address: string; port: number } }[] = []
  const dns = new SiteDns({
    clock,
    send: (bytes, to) => void sent.push({ packet: dnsPacket.decode(Buffer.from(bytes)), to }),
    connect: () => Promise.reject(new Error('nobody listens')),
  })
  dns.configure(config)
  const names = new SipNames({ clock, ask: dns.ask, random: () => 0.5 })
  /** Answers the last question. */
  const answer = (
    addresses: string[],
    { from = SERVER, name, ttl = 30 }: { from?: typeof SERVER; name?: string; ttl?: number } = {},
  ) => {
    const { packet } = sent.at(-1)!
    const asked = packet.questions![0]!
    const bytes = dnsPacket.encode({
      type: 'response',
      id: packet.id!,
      flags: addresses.length > 0 ? 0 : 3,
      questions: [{ type: 'A', name: name ?? asked.name }],
      answers: addresses.map((data) => ({ type: 'A', name: asked.name, ttl, data })),
    })
    dns.receive(bytes, from)
  }
  const find = async (name: string, port: number | undefined = 5060) => {
    const found = await names.servers({ name, port }, { from: ['10.0.0.1'], patienceMs: 1000 })
    return found.map((server) => `${server.transport} ${server.address}:${server.port}`)
  }
  return { clock, sent, dns, names, answer, find }
}

const refused = (promise: Promise<unknown>, why: string) =>
  assert.rejects(promise, (error) => error instanceof NameNotResolved && error.details.why === why)

test('an address is its own answer', async () => {
  const { find, sent } = world()
  assert.deepEqual(await find('192.168.1.10', 5080), ['udp 192.168.1.10:5080'])
  assert.equal(sent.length, 0)
})

test('T08 a name is asked of the site, with its search domain, and kept for its time', async () => {
  const { find, sent, answer, clock } = world()
  const first = find('pbx')
  answer(['192.168.1.10'])
  assert.deepEqual(await first, ['udp 192.168.1.10:5060'])
  assert.equal(sent[0]?.packet.questions?.[0]?.name, 'pbx.office.lan')
  assert.deepEqual(sent[0]?.to, SERVER)
  await find('pbx')
  assert.equal(sent.length, 1)
  clock.turn(31_000)
  const again = find('pbx')
  answer(['192.168.1.11'])
  assert.deepEqual(await again, ['udp 192.168.1.11:5060'])
})

test('an answer of another source or to another question is none', async () => {
  const { find, answer, dns } = world()
  const asked = find('pbx.office.lan')
  answer(['10.0.0.1'], { from: { address: '192.168.1.99', port: 53 } })
  answer(['10.0.0.2'], { from: { address: SERVER.address, port: 5353 } })
  answer(['10.0.0.3'], { name: 'crm.office.lan' })
  dns.receive(new Uint8Array(40), SERVER)
  answer(['192.168.1.10'])
  assert.deepEqual(await asked, ['udp 192.168.1.10:5060'])
  assert.equal(dns.waiting, 0)
})

test('T08 a silent server is asked twice, and nobody else; nothing waits longer than it may', async () => {
  const { find, sent, clock, dns } = world()
  const asked = refused(find('pbx.office.lan'), 'timeout')
  await clock.turnAsync(1100, 100)
  await asked
  assert.equal(sent.length, 2)
  assert.ok(sent.every((one) => one.to.address === SERVER.address))
  assert.deepEqual([dns.waiting, clock.pending], [0, 0])
})

test('a name that is not there, and a site without DNS, say so at once; other servers know nothing of the former ones', async () => {
  const { find, answer, dns, sent } = world()
  const asked = refused(find('nobody'), 'no-such-name')
  answer([])
  await asked
  const known = find('pbx')
  answer(['192.168.1.10'])
  await known
  dns.configure(null)
  await refused(find('pbx'), 'no-server')
  dns.configure({ servers: [SERVER.address] })
  const before = sent.length
  const anew = find('pbx')
  answer(['192.168.1.12'])
  await anew
  assert.equal(sent.length, before + 1)
})

test('S34 a server that was silent is tried last, for 30 s or until it answers', async () => {
  const { find, names, answer, clock } = world()
  const asked = find('pbx')
  answer(['192.168.1.10', '192.168.1.11'], { ttl: 300 })
  const [first = '', second = ''] = await asked
  const silent = { transport: 'udp' as const, address: first.slice(4, -5), port: 5060 }
  names.silent(silent)
  assert.deepEqual(await find('pbx'), [second, first])
  names.answered(silent)
  assert.deepEqual(await find('pbx'), [first, second])
  names.silent(silent)
  clock.turn(30_001)
  assert.deepEqual(await find('pbx'), [first, second])
})

test('a name is asked for by the families that we have an address of; IPv6 is tried first, and nothing outside the site’s networks where anything is inside', async () => {
  const zone: Record<string, Record<string, string[]>> = {
    both: { AAAA: ['fd12::10', 'fd12::11'], A: ['192.168.1.10'] },
    astray: { AAAA: ['2001:db8::10'], A: ['192.168.1.10'] },
    away: { AAAA: ['2001:db8::10'], A: ['203.0.113.10'] },
  }
  const asked: string[] = []
  const ask: Ask = async (name, type) => {
    asked.push(type)
    return { records: (zone[name]?.[type] ?? []) as never, freshMs: 1000 }
  }
  const usable = (address: string) => address.startsWith('fd12:') || address.startsWith('192.168.')
  // What is drawn last would come first, but for the family.
  let draw = 1
  const random = () => {
    draw *= 0.9
    return draw
  }
  const names = new SipNames({ clock: new TurnedClock(), ask, random, usable })
  const find = async (name: string, from: string[]) =>
    (await names.servers({ name, port: 5060 }, { from, patienceMs: 1000 })).map(({ address }) => address)
  const ours = ['10.210.0.1', 'fd00::1']
  const found = await find('both', ours)
  assert.deepEqual([found.slice(0, 2).sort(), found[2]], [['fd12::10', 'fd12::11'], '192.168.1.10'])
  assert.deepEqual(await find('astray', ours), ['192.168.1.10'])
  assert.deepEqual((await find('away', ours)).length, 2, 'what is all outside is tried, and told of')
  asked.length = 0
  assert.deepEqual(await find('both', ['10.210.0.1']), ['192.168.1.10'])
  assert.deepEqual(asked, ['A'])
  for (const address of found.slice(0, 2)) names.silent({ transport: 'udp', address, port: 5060 })
  assert.deepEqual((await find('both', ours))[0], '192.168.1.10', 'one that was silent is tried last')
})
