import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import type { Alarm, SnapshotChange } from '#platform/words/index.ts'
import { createTestCa } from '../call/agent-ca.ts'
import { type Bench, installed, startBench } from './bench.ts'
import { run as inside } from './tieline.ts'

let bench: Bench

before(async () => {
  bench = await startBench()
  await installed(bench, 'acme', '+3225550101')
})
after(() => bench?.[Symbol.asyncDispose]())

const run = (...args: string[]) => inside(bench, ...args)

async function json<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await run(...args, '--json')
  assert.equal(code, 0, err)
  return JSON.parse(out) as T
}

function file(name: string, text: string): string {
  writeFileSync(join(bench.state, name), text)
  return join(bench.state, name)
}

test('names transports of gateways, and keeps the key of a trunk’s TLS to itself', async () => {
  const { certificate, key } = await (await createTestCa()).agent('carrier')
  const files = ['--tls-certificate', file('tls.pem', certificate), '--tls-key', file('tls.key', key)]
  const gateways = ['--gateway', 'tls:203.0.113.20', '--gateway', 'udp+tcp:[2001:DB8:0::20]:5070']
  const named = ['--tls-name', 'sip.carrier.example', '--tls-ca', file('ca.pem', certificate)]
  assert.equal((await run('trunk', 'add', 'secure', ...gateways, ...files, ...named)).code, 0)
  const shown = (await run('trunk', 'show', 'secure')).out
  assert.match(shown, /tls:203\.0\.113\.20:5061/)
  assert.match(shown, /udp\+tcp:\[2001:db8::20\]:5070/)
  assert.match(shown, /TLS name +sip\.carrier\.example/)
  const told = await json<{ tls: object; gateways: { transport: string; port: number }[] }>('trunk', 'show', 'secure')
  assert.deepEqual(Object.keys(told.tls).sort(), ['ca', 'certificate', 'serverName'])
  assert.deepEqual(
    told.gateways.map(({ transport, port }) => [transport, port]),
    [
      ['tls', 5061],
      ['udp+tcp', 5070],
    ],
  )
  assert.match(shown, /TLS certificate of ours +shown/)
  const other = file('other.key', (await (await createTestCa()).agent('carrier')).key)
  const mixed = await run('trunk', 'set', 'secure', files[0]!, files[1]!, '--tls-key', other)
  assert.match(mixed.err, /The key is of another certificate/)
  const weak = [join(bench.state, 'weak.key'), join(bench.state, 'weak.pem')] as const
  const made = ['req', '-x509', '-newkey', 'rsa:1024', '-nodes', '-subj', '/CN=weak', '-keyout', weak[0], '-out', weak[1]]
  execFileSync('openssl', made, { stdio: 'pipe' })
  const small = await run('trunk', 'set', 'secure', '--tls-certificate', weak[1], '--tls-key', weak[0])
  assert.match(small.err, /its key is too small/, 'it could be shown to nobody')
  const published = () => (bench.fakes.published.switch.at(-1) as SnapshotChange).trunks!.find(({ name }) => name === 'secure')!
  const before = published().tls!.key
  assert.equal((await run('trunk', 'set', 'secure', files[0]!, files[1]!)).code, 0, 'a key that is known stays')
  assert.deepEqual(published().tls, { certificate, key: before })
  const wrong = await run('trunk', 'set', 'secure', '--tls-ca', file('bad.pem', 'no certificate'))
  assert.notEqual(wrong.code, 0)
  assert.match(wrong.err, /no certificate in PEM/)
  assert.equal((await run('trunk', 'set', 'secure', '--no-tls')).code, 0)
  assert.doesNotMatch((await run('trunk', 'show', 'secure')).out, /TLS/)
  assert.equal((await run('trunk', 'remove', 'secure')).code, 0)
})

test('keeps a certificate for a PBX that demands one, sealed, watched and replaced, and tells its key to nobody', async () => {
  const ca = await createTestCa()
  const [first, second, old] = [await ca.agent('pbx'), await ca.agent('pbx'), await ca.expired('pbx')]
  const pbx = ['subscriber', 'pbx', 'acme', 'tls:192.168.1.10', '--number', '+3225550101']
  const shown = ({ certificate, key }: typeof first) =>
    ['--tls-certificate', file('pbx.pem', certificate), '--tls-key', file('pbx.key', key)] as const
  const published = () => (bench.fakes.published.switch.at(-1) as SnapshotChange).subscribers!.upsert[0]!.site.pbx!.tls!
  const set = await run(...pbx, ...shown(first))
  assert.match(set.out + set.err, /tls:192\.168\.1\.10:5061 shown a certificate of ours/)
  const { certificate, key } = published()
  assert.deepEqual([certificate, key?.slice(0, 3)], [first.certificate, 'v1.'])
  assert.equal(createSealer(bench.sealingKey).openText(key!), first.key)
  const told = await json<{ site: { pbx: { tls: object } } }>('subscriber', 'show', 'acme')
  assert.deepEqual(told.site.pbx.tls, { certificate: first.certificate })
  const list = await json<object[]>('subscriber', 'list')
  for (const text of [set.out, JSON.stringify(told), JSON.stringify(list)]) assert.doesNotMatch(text, /PRIVATE KEY|v1\./)
  // What is said of it anew without the key goes on with the one that is known, and with no other.
  assert.equal((await run(...pbx, '--tls-certificate', file('pbx.pem', first.certificate), '--tls-name', 'pbx.lan')).code, 0)
  assert.deepEqual(published(), { certificate: first.certificate, serverName: 'pbx.lan', key })
  assert.match((await run(...pbx, '--tls-certificate', file('pbx.pem', second.certificate))).err, /go together/)
  assert.match((await run(...pbx, ...shown({ ...first, key: second.key }))).err, /of another certificate/)
  assert.match((await run(...pbx, ...shown({ ...first, key: 'none' }))).err, /no private key in PEM/)
  assert.equal((await run(...pbx, ...shown(second))).code, 0)
  assert.equal(published().certificate, second.certificate)
  const watched = async () =>
    (await bench.api<{ items: Alarm[] }>('GET', '/v1/alarms')).body.items.filter(({ about }) => about === 'the PBX of acme')
  assert.deepEqual(await watched(), [])
  assert.equal((await run(...pbx, ...shown(old))).code, 0)
  assert.deepEqual(
    (await watched()).map(({ code, text }) => [code, text]),
    [['certificate-expiring', 'The certificate of the PBX of acme is out of date.']],
  )
  assert.equal((await run('subscriber', 'pbx', 'acme', '192.168.1.10', '--number', '+3225550101')).code, 0)
  assert.deepEqual(await watched(), [])
})
