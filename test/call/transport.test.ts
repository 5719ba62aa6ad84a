import assert from 'node:assert/strict'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import type { GatewayConfig } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import { startSipp } from '../peer/sipp.ts'
import { DID, World } from './harness.ts'

const CALLS = 5

/** How the two carriers are reached, from now on. */
async function retrunk(world: World, change: Partial<GatewayConfig>): Promise<void> {
  const trunks = world.snapshot.trunks.map((trunk) => ({
    ...trunk,
    gateways: trunk.gateways.map((gateway) => ({ ...gateway, ...change })),
  }))
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks })
}

/** Waits until somebody listens there. */
async function listening(address: string, port: number): Promise<void> {
  await until(
    'a listener',
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connectTcp({ host: address, port })
        socket.once('connect', () => resolve(socket.destroy() && true))
        socket.once('error', () => resolve(false))
      }),
    5000,
  )
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
