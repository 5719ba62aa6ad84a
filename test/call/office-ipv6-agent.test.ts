import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bundle } from '../../demo/bundle.ts'
import { SipPeer, startCrmPeer, startDnsPeer, until } from '../peer/index.ts'
import { giveIpv6, OFFICE6 } from '../world/office-ipv6.ts'
import { CALLER, OfficeWorld, TONES } from './office-world.ts'

const [TONE] = TONES.offices
/** In the network of the office, and nobody. */
const DEAD = 'fd12:3456::99'

/** Looks the caller up in the office's database, by the name that has an AAAA alone, and tells what else it reaches. */
const PROGRAM = `
import { connect } from 'node:net'
import { lookup } from 'node:dns/promises'
import { agent } from '@tieline/agent'
import pg from 'pg'
const crm = new pg.Pool({ host: 'crm.office.lan', database: 'crm', user: 'crm', password: 'crm', max: 1 })
const reaches = (host, port) => new Promise((resolve) => {
  const socket = connect({ host, port, timeout: 700 }, () => (socket.destroy(), resolve(true)))
  for (const event of ['error', 'timeout']) socket.on(event, () => (socket.destroy(), resolve(false)))
})
export default agent({ async call(call) {
  const { rows } = await crm.query('select extension from customers where phone = $1', [call.from.number])
  const { address } = await lookup('crm.office.lan')
  const reached = []
  for (const [host, port] of TARGETS) if (await reaches(host, port)) reached.push(host + ' ' + port)
  console.log('SEEN ' + JSON.stringify({ address, reached }))
  await call.dial({ pbx: rows[0].extension })
} })`

test('T08 T09 an agent asks its office’s DNS and database by IPv6, reaches nothing else by it, and the switch takes the A of a PBX whose AAAA is dead', {
  timeout: 240_000,
}, async () => {
  await using scene = await OfficeWorld.open({
    offices: ['acme'],
    before: (office) => giveIpv6(office),
    install: [
      ...['--site-network', OFFICE6.network, '--dns', OFFICE6.dns, '--search', 'office.lan'],
      ...['--pbx', 'pbx.office.lan:5060'],
    ],
  })
  const { world, platform } = scene
  const { machines } = world.office('acme')
  await using stack = new AsyncDisposableStack()
  const records = {
    'crm.office.lan': { AAAA: [OFFICE6.crm] },
    'pbx.office.lan': { AAAA: [OFFICE6.pbx], A: ['192.168.1.10'], ttl: 1 },
  }
  const names = stack.use(await startDnsPeer('acme-dns6', OFFICE6.dns, machines.dns.enter, records))
  const customers = [{ phone: CALLER, name: 'Ann', extension: '101' }]
  stack.use(await startCrmPeer('acme-crm6', OFFICE6.crm, machines.crm.enter, customers))
  const pbx6 = stack.use(await SipPeer.start('acme-pbx6', OFFICE6.pbx, machines.pbx.enter, [TONES.caller]))
  await pbx6.rules([{ user: '101', does: 'answer', tone: TONE, ringMs: 20 }])
  const { steps } = await platform.cli<{ steps: { step: string; ok: boolean; text: string }[] }>('channel', 'check', 'acme')
  assert.deepEqual(
    steps.filter(({ ok }) => !ok),
    [],
  )
  const told = steps.map(({ step, text }) => `${step}: ${text}`).join('\n')
  for (const part of [
    /gateway: .*fd6c:8a27:4e10::2 answers/,
    /route: fd12:3456::53 is reached through the tunnel/,
    /mtu: packets of \d+ bytes pass whole/,
    /\[fd12:3456::10\]:5060/,
  ])
    assert.match(told, part)

  const { channel } = await platform.api<{ channel: { ipv6: { address: string; peerAddress: string } } }>(
    'GET',
    '/v1/subscribers/acme',
  )
  const here = channel.ipv6.address
  // The office's database, and then: the platform's own ports beside it, other offices, the node, the world.
  const targets = [
    [OFFICE6.crm, 5432],
    [here, 5060],
    [here, 5061],
    [here, 16_384],
    ['::1', 5432],
    ['::1', 8470],
    ['fd99::1', 80],
    ['2606:4700:4700::1111', 443],
    ['fe80::1', 80],
  ]
  const source = join(world.directory, 'program')
  mkdirSync(source)
  const manifest = { name: 'ivr', type: 'module', main: 'index.js', dependencies: { '@tieline/agent': '*', pg: '*' } }
  writeFileSync(join(source, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(source, 'index.js'), PROGRAM.replace('TARGETS', JSON.stringify(targets)))
  await platform.cli('agent', 'deploy', 'acme', bundle(source, join(world.directory, 'bundle')), '--wait')

  const call = async () => {
    const before = performance.now()
    const id = await scene.call(0)
    assert.equal((await world.carrier.wait(id, 'up', 20_000)).phase, 'up')
    const tookMs = performance.now() - before
    const heard = async () => (await world.carrier.report(id)).media!.heard.map(({ what }) => what)
    await until('the caller hears the office', async () => (await heard()).includes(TONE), 10_000, 50)
    await world.carrier.hangup(id)
    await until('the end', async () => (await platform.calls()).length === 0, 8000, 50)
    return tookMs
  }
  await call()
  assert.equal((await pbx6.list()).length, 1, 'of a name with both, IPv6 was called')
  assert.equal((await world.office('acme').pbx.list()).length, 0)
  const { lines } = await platform.api<{ lines: string[] }>('GET', '/v1/subscribers/acme/agent/logs')
  const seen = lines.find((line) => line.includes('SEEN '))!
  assert.deepEqual(JSON.parse(seen.slice(seen.indexOf('SEEN ') + 5)), { address: OFFICE6.crm, reached: [`${OFFICE6.crm} 5432`] })

  await names.ask('tell', { records: { 'pbx.office.lan': { AAAA: [DEAD], A: ['192.168.1.10'], ttl: 1 } } })
  await call()
  assert.equal((await world.office('acme').pbx.list()).length, 1, 'the address of IPv4 was called then')
})
