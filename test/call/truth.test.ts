import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Alarm, KINDS, type Metric } from '#platform/words/index.ts'
import { bundle } from '../../demo/bundle.ts'
import { sleep, until } from '../peer/index.ts'
import { Platform, PUBLIC, World } from '../world/index.ts'
import { execute } from '../world/namespace.ts'
import { SippCrowd } from './sipp-crowd.ts'

const NUMBER = '+3225550101'
/** Where SIPp stands: as a carrier that calls, and as one that answers. */
const CALLING = '203.0.113.11'
const ANSWERING = '203.0.113.12'
/** Calls, and how long each is up, in s. */
const CALLS = 100
const UP_SECONDS = 6

/**
 * By the last digit of who calls: five of ten talk to somebody behind the trunk, two hear a tone, one waits in a slot, one is
 * turned away, and one is led to a number that is busy and turned away then.
 */
const PROGRAM = `
import { agent } from '@tieline/agent'
export default agent({ async call(call) {
  const digit = Number(call.from.number.at(-1))
  if (digit < 5) await call.dial({ trunk: 'answering', number: '+3225559000' })
  else if (digit < 7) await call.play({ tone: [{ frequencies: [425], onMs: 60000, offMs: 0 }] })
  else if (digit === 7) await call.park(call.from.number.slice(-4), { timeout: 60 })
  else if (digit === 8) await call.reject({ status: 486 })
  else {
    await call.dial({ trunk: 'carrier', number: '+3225559001' })
    await call.reject({ status: 486 })
  }
} })`

/** What there must be while all who are to be up are up. */
const TRUTH = { joined: 50, verb: 20, parked: 10, failed: 20 }
const UP = TRUTH.joined + TRUTH.verb + TRUTH.parked
const PORTS = UP + TRUTH.joined

/** A certificate with its key for so many days, put where the platform reads it, as a tool that renews it would. */
function certify(directory: string, days: number): void {
  const at = (name: string) => join(directory, name)
  const subject = ['-subj', '/CN=sip.tieline.test', '-days', String(days)]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  execFileSync('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', at('new.key'), '-out', at('new.pem')], {
    stdio: 'ignore',
  })
  renameSync(at('new.key'), at('sip.key'))
  renameSync(at('new.pem'), at('sip.pem'))
}

interface Scene {
  world: World
  platform: Platform
  crowd: SippCrowd
}

async function open(stack: AsyncDisposableStack): Promise<Scene> {
  const world = stack.use(await World.open({ offices: [], watched: [] }))
  await world.carrierSpace.ip(...[CALLING, ANSWERING].map((address) => `addr add ${address}/24 dev eth0`))
  certify(world.directory, 10)
  const files = { certificate: join(world.directory, 'sip.pem'), key: join(world.directory, 'sip.key') }
  const [platform] = await Promise.all([
    Platform.start(world, {
      sip: { address: PUBLIC.node, port: 5060, tls: { port: 5061, ...files } },
      voice: { processes: 1, mediaTimeoutMs: 60_000 },
      capacities: KINDS.map(({ kind }) => ({ kind, capacity: kind === 'voice.port' ? 150 : 1000 })),
    }),
    world.populate(),
  ])
  stack.use(platform)
  const crowd = stack.use(new SippCrowd(world.carrierSpace, world.directory))
  crowd.answer(ANSWERING)
  await world.carrier.rules([{ user: '*', does: 486 }])
  const trunk = (name: string, address: string) => platform.cli('trunk', 'add', name, '--gateway', `${address}:5060`)
  await Promise.all([trunk('carrier', PUBLIC.carrier), trunk('calling', CALLING), trunk('answering', ANSWERING)])
  const order = ['--number', NUMBER, '--site-network', '192.168.1.0/24', '--default-route', 'number:+3225559001']
  order.push(...KINDS.flatMap(({ kind }) => ['--allocation', `${kind}=0:1000`]))
  await platform.cli('subscriber', 'install', 'acme', ...order)
  const source = join(world.directory, 'program')
  mkdirSync(source)
  const manifest = { name: 'crowd', type: 'module', main: 'index.js', dependencies: { '@tieline/agent': '*' } }
  writeFileSync(join(source, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(source, 'index.js'), PROGRAM)
  await platform.cli('agent', 'deploy', 'acme', bundle(source, join(world.directory, 'bundle')), '--wait')
  return { world, platform, crowd }
}

/** The figures at this moment: the sum of all samples with these labels. */
async function figuresOf(platform: Platform) {
  const text = await platform.api<string>('GET', '/v1/metrics')
  const samples = text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    return name === undefined ? [] : [{ name, labels, value: Number(value) }]
  })
  return (name: Metric['name'], ...labels: string[]) =>
    samples
      .filter((sample) => sample.name === name && labels.every((label) => sample.labels.includes(label)))
      .reduce((sum, { value }) => sum + value, 0)
}

const alarmsOf = async (platform: Platform) =>
  (await platform.api<{ items: Alarm[] }>('GET', '/v1/alarms')).items.map(({ code, about }) => `${code} ${about}`)

test('O06 under fifty calls a second, of which some fail, wait or listen, figures, lists, events and leases are what SIPp has seen, and alarms come and go', {
  timeout: 120_000,
}, async () => {
  await using stack = new AsyncDisposableStack()
  const { world, platform, crowd } = await open(stack)
  assert.ok((await alarmsOf(platform)).includes('certificate-expiring SIP over TLS'))
  const calls = crowd.call({
    from: CALLING,
    to: `${PUBLIC.node}:5060`,
    number: NUMBER,
    calls: CALLS,
    rate: 50,
    upMs: UP_SECONDS * 1000,
  })
  await until('all to be up', async () => (await figuresOf(platform))('tieline_calls') === UP, 10_000, 200)
  // Nothing begins or ends for some seconds now.
  const during = await figuresOf(platform)
  const seen = await crowd.current()
  assert.equal(seen.up, UP, 'SIPp has as many up')
  const gauges = {
    calls: during('tieline_calls'),
    joined: during('tieline_calls', 'state="joined"'),
    legsIn: during('tieline_legs', 'direction="in"'),
    legsOut: during('tieline_legs', 'direction="out"'),
    dialogs: during('tieline_sip_dialogs'),
    trunkIn: during('tieline_resource_in_use', 'kind="trunk.in"'),
    trunkOut: during('tieline_resource_in_use', 'kind="trunk.out"'),
    ports: during('tieline_resource_in_use', 'kind="voice.port"'),
    relays: during('tieline_resource_in_use', 'kind="voice.relay"'),
    prompts: during('tieline_resource_in_use', 'kind="voice.prompt"'),
  }
  assert.deepEqual(gauges, {
    ...{ calls: UP, joined: TRUTH.joined, legsIn: UP, legsOut: TRUTH.joined, dialogs: PORTS },
    ...{ trunkIn: UP, trunkOut: TRUTH.joined, ports: PORTS, relays: TRUTH.joined, prompts: TRUTH.verb },
  })
  assert.equal((await platform.calls('acme')).length, UP)
  const { items } = await platform.api<{ items: { kind: string; inUse: number }[] }>('GET', '/v1/resources')
  assert.equal(items.find(({ kind }) => kind === 'voice.port')?.inUse, PORTS)
  assert.ok((await alarmsOf(platform)).includes('resource-scarce voice.port'), `${PORTS} of 150 ports`)
  await freezes(platform)
  await renews(world, platform)
  const { successful, failed } = await calls
  assert.deepEqual([successful, failed], [UP, TRUTH.failed])
  await until('the end of all', async () => (await platform.calls()).length === 0, 10_000, 100)
  const after = await figuresOf(platform)
  for (const name of ['tieline_calls', 'tieline_legs', 'tieline_sip_dialogs', 'tieline_resource_in_use']) {
    assert.equal(after(name, ...(name === 'tieline_resource_in_use' ? ['kind="voice'] : [])), 0, name)
  }
  assert.equal(after('tieline_sip_requests_total', 'direction="in"', 'method="INVITE"'), CALLS)
  assert.ok(!(await alarmsOf(platform)).includes('resource-scarce voice.port'))
  await afterwards(platform)
})

/** The switch stands still for a second: it is late, and after that it is not. */
async function freezes(platform: Platform): Promise<void> {
  const { pid } = (await platform.processes()).find(({ name }) => name === 'switch')!
  process.kill(pid!, 'SIGSTOP')
  await sleep(1000)
  process.kill(pid!, 'SIGCONT')
  await until('the lag', async () => (await alarmsOf(platform)).includes('loop-late switch'), 3000, 20)
  assert.ok((await figuresOf(platform))('tieline_event_loop_lag_seconds') >= 0)
  await until('its end', async () => !(await alarmsOf(platform)).includes('loop-late switch'), 5000, 100)
}

/** The trunk side's certificate is renewed on the disk: nobody is told, and whoever connects sees the new one. */
async function renews(world: World, platform: Platform): Promise<void> {
  certify(world.directory, 90)
  const expires = 'certificate-expiring SIP over TLS'
  await until('the alarm to be over', async () => !(await alarmsOf(platform)).includes(expires), 15_000, 200)
  const left = (await figuresOf(platform))('tieline_certificate_left_seconds', 'of="SIP over TLS"')
  assert.ok(left > 89 * 86_400 && left <= 90 * 86_400, `${left} s`)
  const connect = ['openssl', 's_client', '-connect', `${PUBLIC.node}:5061`, '-showcerts']
  const { out } = await execute([...world.carrierSpace.enter, ...connect])
  const shown = new X509Certificate(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(out)![0])
  assert.ok(shown.validToDate.getTime() > Date.now() + 89 * 86_400_000)
}

/** What is stored is what was. */
async function afterwards(platform: Platform): Promise<void> {
  const cleared = async () => (await platform.events('acme')).filter(({ type }) => type === 'call.cleared')
  await until('the last event', async () => (await cleared()).length === CALLS, 10_000, 200)
  const events = await platform.events('acme')
  const count = (type: string) => events.filter((event) => event.type === type).length
  assert.deepEqual(
    [count('call.offered'), count('leg.established'), count('leg.failed')],
    [CALLS, UP + TRUTH.joined, TRUTH.failed + TRUTH.failed / 2],
  )
  const usage = await platform.usage('acme')
  const of = (kind: string) => usage.filter((record) => record.kind === kind)
  assert.equal(of('trunk.in').length, CALLS)
  assert.equal(of('trunk.in').filter(({ answeredAt }) => answeredAt !== null).length, UP)
  assert.equal(of('voice.relay').filter(({ answeredAt }) => answeredAt !== null).length, TRUTH.joined)
  assert.ok(usage.every(({ releasedAt }) => releasedAt !== null))
}
