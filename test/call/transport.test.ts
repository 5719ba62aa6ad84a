import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import type { GatewayConfig } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import { listening } from '../peer/listening.ts'
import { startSipp } from '../peer/sipp.ts'
import { DID, PUBLIC, World } from './harness.ts'

const CALLS = 5

/** How the two carriers are reached, from now on. */
async function retrunk(world: World, change: Partial<GatewayConfig>): Promise<void> {
  const trunks = world.snapshot.trunks.map((trunk) => ({
    ...trunk,
    gateways: trunk.gateways.map((gateway) => ({ ...gateway, ...change })),
  }))
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks })
}

test('SIPp calls SIPp through the switch over TCP, one connection a side', { timeout: 60_000 }, async () => {
  await using world = await World.open()
  await retrunk(world, { transport: 'tcp' })
  await using uas = await startSipp(['-sn', 'uas', '-t', 't1', '-i', `${world.net}.3`, '-p', '5060', '-m', `${CALLS}`])
  await listening(`${world.net}.3`, 5060)
  const to = `${world.node.address}:5060`
  const args = [
    '-sn',
    'uac',
    '-t',
    't1',
    '-i',
    `${world.net}.2`,
    '-p',
    '5070',
    '-s',
    DID,
    '-m',
    `${CALLS}`,
    '-r',
    '5',
    '-d',
    '200',
  ]
  await using uac = await startSipp([...args, to])
  const [called, calling] = [await uas.ended, await uac.ended]
  assert.equal(calling.status, 0, calling.output)
  assert.equal(called.status, 0, called.output)
  await world.quiet()
  const cleared = (await world.events()).filter((e) => e.type === 'call.cleared')
  assert.deepEqual(
    cleared.map((e) => e.cause?.reason),
    Array(CALLS).fill('hangup'),
  )
})

for (const [transport, option] of [
  ['udp', 'u1'],
  ['tcp', 't1'],
] as const) {
  test(`SIPp calls SIPp through the switch over IPv6, ${transport}`, { timeout: 60_000 }, async () => {
    const first = 21_000 + randomInt(3000) * 4
    const [port, called, calling] = [first, first + 2, first + 3]
    await using world = await World.open({ node: { address: '::1', port }, farEnds: false })
    const [trunk] = world.snapshot.trunks
    const gateways = [{ address: '::1', port: called, transport }]
    await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks: [{ ...trunk!, gateways }] })
    await world.change({ defaultRoute: { trunk: trunk!.name, number: '+3225559000' } })
    const common = ['-t', option, '-i', '::1', '-m', `${CALLS}`]
    await using uas = await startSipp(['-sn', 'uas', ...common, '-p', `${called}`])
    if (transport === 'tcp') await listening('::1', called)
    await using uac = await startSipp([
      '-sn',
      'uac',
      ...common,
      '-p',
      `${calling}`,
      '-s',
      DID,
      '-r',
      '5',
      '-d',
      '200',
      `[::1]:${port}`,
    ])
    const [theirs, ours] = [await uas.ended, await uac.ended]
    assert.equal(ours.status, 0, ours.output)
    assert.equal(theirs.status, 0, theirs.output)
    await world.quiet()
  })
}

test('SIPp as the PBX of a site whose network is of IPv6 is called, and calls out, and a network of the other kind beside its own harms nobody', {
  timeout: 60_000,
}, async () => {
  const first = 21_000 + randomInt(3000) * 4
  const [port, called, calling] = [first, first + 2, first + 3]
  await using world = await World.open({ voice: true, site: { address: '::1', port } })
  const site = { ...world.snapshot.subscribers[0]!.site, pbx: { host: '::1', port: called, number: PUBLIC } }
  await world.change({ site, defaultRoute: { pbx: '101', via: 'channel' } })
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5, tone: 700 }]
  const common = ['-i', '::1', '-mi', '::1', '-m', `${CALLS}`]
  await using uas = await startSipp(['-sn', 'uas', ...common, '-p', `${called}`])
  for (let i = 0; i < CALLS; i++) {
    const call = await world.second.place({ to: world.node, from: `+3247012345${i}`, number: DID })
    await until('an answer', () => call.phase === 'up', 4000)
    call.hangup()
  }
  const theirs = await uas.ended
  assert.equal(theirs.status, 0, theirs.output)
  await world.quiet()
  const to = `[::1]:${port}`
  await using uac = await startSipp([
    '-sn',
    'uac',
    ...common,
    '-p',
    `${calling}`,
    '-s',
    '+32470999999',
    '-r',
    '5',
    '-d',
    '200',
    to,
  ])
  const ours = await uac.ended
  assert.equal(ours.status, 0, ours.output)
  assert.equal(world.carrier.calls.length, CALLS)
  await world.quiet()
})
