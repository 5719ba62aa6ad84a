import assert from 'node:assert/strict'
import { test } from 'node:test'
import dnsPacket from 'dns-packet'
import { TurnedClock } from '#lib/index.ts'
import { NameNotResolved, SiteResolver } from './resolver.ts'

function world(dns = { servers: ['192.168.1.53'], search: 'office.lan' }) {
  const clock = new TurnedClock()
  const sent: { packet: dnsPacket.Packet; to: { address: string; port: number } }[] = []
  const resolver = new SiteResolver({
    clock,
    transport: { send: (bytes, to) => sent.push({ packet: dnsPacket.decode(Buffer.from(bytes)), to }) },
  })
  resolver.configure(dns)
  const answer = (address: string | null, from = { address: '192.168.1.53', port: 53 }, name?: string) => {
    const { packet } = sent.at(-1)!
    const asked = packet.questions![0]!
    const bytes = dnsPacket.encode({
      type: 'response',
      id: packet.id!,
      flags: address ? 0 : 3,
      questions: [{ type: 'A', name: name ?? asked.name }],
      answers: address ? [{ type: 'A', name: asked.name, ttl: 30, data: address }] : [],
    })
    resolver.receive(bytes, from)
  }
  return { clock, sent, resolver, answer }
}

test('an address is its own answer', async () => {
  const { resolver, sent } = world()
  assert.equal(await resolver.resolve('192.168.1.10'), '192.168.1.10')
  assert.equal(sent.length, 0)
})

test('T08 a name is asked of the site, with its search domain, and kept for its time', async () => {
  const { resolver, sent, answer, clock } = world()
  const first = resolver.resolve('pbx')
  answer('192.168.1.10')
  assert.equal(await first, '192.168.1.10')
  assert.equal(sent[0]?.packet.questions?.[0]?.name, 'pbx.office.lan')
  assert.deepEqual(sent[0]?.to, { address: '192.168.1.53', port: 53 })
  assert.equal(await resolver.resolve('pbx'), '192.168.1.10')
  assert.equal(sent.length, 1)
  clock.turn(31_000)
  const again = resolver.resolve('pbx')
  answer('192.168.1.11')
  assert.equal(await again, '192.168.1.11')
})

test('an answer of another source or to another question is none', async () => {
  const { resolver, answer } = world()
  const asked = resolver.resolve('pbx.office.lan')
  answer('10.0.0.1', { address: '192.168.1.99', port: 53 })
  answer('10.0.0.2', { address: '192.168.1.53', port: 5353 })
  answer('10.0.0.3', { address: '192.168.1.53', port: 53 }, 'crm.office.lan')
  resolver.receive(new Uint8Array(40), { address: '192.168.1.53', port: 53 })
  answer('192.168.1.10')
  assert.equal(await asked, '192.168.1.10')
})

test('T08 a silent server is asked twice, and nobody else', async () => {
  const { resolver, sent, clock } = world()
  const asked = assert.rejects(
    resolver.resolve('pbx.office.lan'),
    (e) => e instanceof NameNotResolved && e.details.why === 'timeout',
  )
  await clock.turnAsync(2100, 100)
  await asked
  assert.equal(sent.length, 2)
  assert.ok(sent.every((s) => s.to.address === '192.168.1.53'))
  assert.equal(resolver.waiting, 0)
  assert.equal(clock.pending, 0)
})

test('a name that is not there, and a site without DNS, say so at once', async () => {
  const { resolver, answer } = world()
  const asked = assert.rejects(
    resolver.resolve('nobody'),
    (e) => e instanceof NameNotResolved && e.details.why === 'no-such-name',
  )
  answer(null)
  await asked
  resolver.configure(null)
  await assert.rejects(resolver.resolve('pbx'), (e) => e instanceof NameNotResolved && e.details.why === 'no-server')
})
