import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TrunkConfig } from '#platform/words/index.ts'
import { TrunkPatch } from '../../src/api/trunk-form.ts'
import { until } from '../peer/index.ts'
import { Platform, PUBLIC, World } from '../world/index.ts'
import { createTestCa } from './agent-ca.ts'

const NUMBER = '+3225550101'
const LINE = '+3225559000'
const [CALLER_HZ, LINE_HZ] = [400, 700]

/** What is said of each field in turn, and at last what it is again: each is a change of a trunk that has a call up. */
async function changes(): Promise<Record<string, unknown[]>> {
  const ca = await createTestCa()
  const { certificate, key } = await ca.agent('sub_x')
  const gateway = { address: PUBLIC.carrier, port: 5060 }
  const rules = { in: [{ prefix: '0', replace: '+32' }], out: [{ prefix: '+32', replace: '0' }] }
  return {
    gateways: [
      [{ ...gateway, priority: 3, weight: 7 }],
      [gateway, { address: '203.0.113.99', priority: 9 }],
      [{ address: PUBLIC.carrier, transport: 'udp+tcp' }],
      [gateway],
    ],
    maxIn: [0, 50, null],
    maxOut: [0, 50],
    emergencyReserve: [1, 0],
    srtp: ['offered', 'off'],
    codecs: [['G722'], null],
    transcode: [false, true],
    renegotiate: [false, true],
    digits: ['info', 'tones'],
    tones: ['sound', 'keys'],
    media: ['direct', 'relay'],
    earlyMedia: ['ignore', 'pass'],
    diversion: ['history-info', 'none', 'diversion'],
    identity: ['drop', 'pass'],
    redirects: ['follow', 'refuse'],
    tls: [{ ca: ca.certificate, certificate, key, serverName: 'sbc.carrier.example' }, null],
    auth: [{ user: 'tieline', password: 'circle of life' }, null],
    accept: [{ user: 'carrier', password: 'circle of life', algorithm: 'SHA-256' }, null],
    optionsSeconds: [1, null],
    callsPerSecond: [1, null],
    priority: [9, 0],
    destinations: [['+31'], [], null],
    sources: [['198.51.100.0/24', '2001:db8:1::/48'], null],
    numbers: [rules, null],
    registerSeconds: [60, null],
    name: ['renamed', 'carrier'],
  }
}

test('O07 every field of a trunk is changed by the API, and by the command line, while a call is up: it goes on and is heard, and ends as ever', {
  timeout: 180_000,
}, async () => {
  await using world = await World.open({ offices: [], watched: [CALLER_HZ, LINE_HZ] })
  const [platform] = await Promise.all([Platform.start(world), world.populate()])
  await using _platform = platform
  const { carrier } = world
  await carrier.rules([{ user: LINE, does: 'answer', tone: LINE_HZ }])
  await platform.cli('trunk', 'add', 'carrier', '--gateway', `${PUBLIC.carrier}:5060`)
  const order = ['--number', NUMBER, '--site-network', '192.168.1.0/24', '--default-route', `number:${LINE}`]
  await platform.cli('subscriber', 'install', 'acme', ...order)
  const to = { address: PUBLIC.node, port: 5060 }
  const place = () => carrier.place({ to, from: '+32470555001', number: NUMBER, tone: CALLER_HZ })
  const [call, other] = [await place(), await place()]
  for (const each of [call, other]) assert.equal((await carrier.wait(each, 'up')).phase, 'up')
  const table = await changes()
  assert.deepEqual(Object.keys(table).sort(), Object.keys(TrunkPatch.properties).sort(), 'none is left out')
  let name = 'carrier'
  for (const [field, values] of Object.entries(table)) {
    for (const value of values) {
      // A password to register with has to be there, and goes again.
      if (field === 'registerSeconds' && value !== null)
        await platform.api('PATCH', `/v1/trunks/${name}`, { auth: { user: 'tl', password: 'circle of life' } })
      await platform.api('PATCH', `/v1/trunks/${name}`, { [field]: value })
      if (field === 'name') name = value as string
    }
    assert.equal((await carrier.report(call)).phase, 'up', field)
  }
  await platform.api('PATCH', `/v1/trunks/${name}`, { auth: null })
  const password = join(world.directory, 'password')
  writeFileSync(password, 'circle of life\n')
  const flags = [
    ...[
      '--gateway',
      `${PUBLIC.carrier}:5060,2,5`,
      '--max-in',
      '40',
      '--max-out',
      '41',
      '--emergency-reserve',
      '1',
      '--options',
      '7',
    ],
    ...['--user', 'tieline', '--password-file', password, '--calls-per-second', '9', '--priority', '4', '--destinations', '+32'],
    ...['--number-in', '0=+32', '--number-out', '+33=0033', '--srtp', 'off', '--codecs', 'pcma,pcmu', '--media', 'relay'],
    ...['--early-media', 'ignore', '--diversion', 'history-info', '--identity', 'drop', '--redirects', 'follow'],
  ]
  await platform.cli('trunk', 'set', 'carrier', ...flags)
  const { id: _, ...shown } = await platform.api<TrunkConfig & { user: string }>('GET', '/v1/trunks/carrier')
  assert.deepEqual(
    [shown.maxIn, shown.maxOut, shown.emergencyReserve, shown.optionsSeconds, shown.callsPerSecond, shown.priority],
    [40, 41, 1, 7, 9, 4],
  )
  assert.deepEqual([shown.user, shown.destinations, shown.codecs], ['tieline', ['+32'], ['PCMA', 'PCMU']])
  assert.deepEqual(
    [shown.earlyMedia, shown.diversion, shown.identity, shown.redirects],
    ['ignore', 'history-info', 'drop', 'follow'],
  )
  // What is wrong is refused whole: nothing of it is there.
  await assert.rejects(platform.api('PATCH', '/v1/trunks/carrier', { maxIn: 5, srtp: 'required', media: 'direct' }))
  assert.equal((await platform.api<TrunkConfig>('GET', '/v1/trunks/carrier')).maxIn, 40)
  await platform.cli('trunk', 'set', 'carrier', '--no-auth', '--no-options')
  for (const each of [call, other]) {
    const { phase, media } = await carrier.report(each)
    assert.equal(phase, 'up')
    assert.ok(media!.largestGapMs < 1000, `its sound stood still for ${media!.largestGapMs} ms`)
    assert.ok(media!.heard.some(({ what }) => what === LINE_HZ))
  }
  // Either side ends one.
  await carrier.hangup(call)
  const called = async () => (await carrier.list()).filter(({ phase, direction }) => phase === 'up' && direction === 'in')
  await until('the first one to be over there, too', async () => (await called()).length === 1, 5000, 50)
  const [there] = await called()
  await carrier.hangup(there!.call)
  await until('both to be over', async () => (await platform.calls()).length === 0, 5000, 50)
  const ends = async () => (await platform.events('acme')).filter(({ type }) => type === 'call.cleared')
  await until('their ends', async () => (await ends()).length === 2, 10_000, 100)
  assert.deepEqual(
    (await ends()).map(({ cause }) => cause?.reason),
    ['hangup', 'hangup'],
  )
})
