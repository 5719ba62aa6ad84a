import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TrunkConfig, TrunkState } from '#platform/words/index.ts'
import { type CallReport, startDnsPeer, until } from '../peer/index.ts'
import { Platform, PUBLIC, World } from '../world/index.ts'

const NUMBER = '+3225550101'
const LINE = '+3225559000'
const [CALLER_HZ, LINE_HZ] = [400, 700]

type Shown = TrunkConfig & { state?: TrunkState }

test('R04 O07 a carrier by name, from its zone to a call; its channels are changed by the API while calls are up, and none drops', {
  timeout: 120_000,
}, async () => {
  await using world = await World.open({ offices: [], watched: [CALLER_HZ, LINE_HZ] })
  const [platform] = await Promise.all([Platform.start(world, { dns: { servers: [PUBLIC.carrier] } }), world.populate()])
  await using _platform = platform
  const { carrier } = world
  await using dns = await startDnsPeer('dns', PUBLIC.carrier, world.carrierSpace.enter, {
    'carrier.example': { NAPTR: [{ order: 1, preference: 1, services: 'SIP+D2U', replacement: '_sip._udp.carrier.example' }] },
    '_sip._udp.carrier.example': { SRV: [{ port: 5060, target: 'sbc.carrier.example' }] },
    'sbc.carrier.example': PUBLIC.carrier,
  })
  await carrier.rules([{ user: LINE, does: 'answer', tone: LINE_HZ }])
  const limits = ['--max-out', '3', '--emergency-reserve', '0']
  await platform.cli('trunk', 'add', 'carrier', '--gateway', 'carrier.example', ...limits)
  const shown = () => platform.api<Shown>('GET', '/v1/trunks/carrier')
  await until('its server', async () => (await shown()).state?.names[0]?.state === 'located', 15_000, 100)
  assert.deepEqual(
    (await shown()).state?.gateways.map(({ name, address, port, transport }) => [name, address, port, transport]),
    [['carrier.example', PUBLIC.carrier, 5060, 'udp']],
  )
  assert.ok((await dns.ask<{ type: string }[]>('questions')).some(({ type }) => type === 'NAPTR'))
  const order = ['--number', NUMBER, '--site-network', '192.168.1.0/24', '--default-route', `number:${LINE}`]
  await platform.cli('subscriber', 'install', 'acme', ...order)
  const place = async () => {
    const to = { address: PUBLIC.node, port: 5060 }
    return carrier.place({ to, from: '+32470555001', number: NUMBER, tone: CALLER_HZ })
  }
  const settled = async (call: string) => {
    const report = await carrier.wait(call, 'up')
    return report.phase
  }
  const calls = await Promise.all([place(), place(), place()])
  assert.deepEqual(await Promise.all(calls.map(settled)), ['up', 'up', 'up'])
  const refused = async (): Promise<CallReport> => {
    const report = await carrier.wait(await place(), 'ended')
    assert.equal(report.final?.status, 503)
    assert.ok(Number(report.final?.headers['Retry-After']) > 0)
    return report
  }
  await refused()
  // One channel, while three calls are up: they go on, and nobody else comes in before two of them are over.
  const set = (change: object) => platform.api('PATCH', '/v1/trunks/carrier', change)
  await set({ maxOut: 1 })
  await refused()
  await carrier.hangup(calls[0]!)
  await carrier.hangup(calls[1]!)
  await until('two to be over', async () => (await platform.calls()).length === 1, 5000, 50)
  await refused()
  // The journal is shipped a little later.
  const offered = async () => (await platform.events('acme')).filter(({ type }) => type === 'call.offered')
  const last = await until('the sixth call', async () => (await offered())[5], 10_000, 100)
  const why = await platform.cli<{ refusals: { kind: string; limitedBy: string; limit: number }[] }>('explain', last.call!)
  const [refusal] = why.refusals
  assert.deepEqual([refusal?.kind, refusal?.limitedBy, refusal?.limit], ['trunk.out', 'trunk', 1], JSON.stringify(why))
  await set({ maxOut: 2 })
  const fourth = await place()
  assert.equal(await settled(fourth), 'up')
  // No limit at all, and another way to the same carrier: what is up does not notice.
  await set({ maxOut: null, gateways: [{ address: PUBLIC.carrier }] })
  const fifth = await place()
  assert.equal(await settled(fifth), 'up')
  await until('all to be heard', async () => (await carrier.report(fifth)).media?.heard.length, 5000, 50)
  const report = await carrier.report(calls[2]!)
  assert.equal(report.phase, 'up')
  assert.ok(report.media!.largestGapMs < 1000, `its sound stood still for ${report.media!.largestGapMs} ms`)
  for (const call of [calls[2]!, fourth, fifth]) await carrier.hangup(call)
  await until('all to be over', async () => (await platform.calls()).length === 0, 5000, 50)
})
