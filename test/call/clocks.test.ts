import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { type Clock, systemClock } from '#lib/index.ts'
import { namespacePath } from '#platform/channel/index.ts'
import type { SubscriberConfig } from '#platform/words/index.ts'
import { Initiator } from '../peer/wireguard/initiator.ts'
import { channelWorld, PBX_ADDRESS, until, type World } from './channel-world.ts'

const HOUR_MS = 3_600_000

/** The machine's clocks, of which a test turns what it likes. */
function turned() {
  const offset = { now: 0, wall: 0 }
  const clock: Clock = {
    ...systemClock,
    now: () => systemClock.now() + offset.now,
    wall: () => systemClock.wall() + offset.wall,
  }
  return { clock, offset }
}

const stateOf = async (world: World, { id }: SubscriberConfig) => {
  await world.channels.poll()
  return world.channels.get(id)!.status
}

test('T06 a site that begins again in 1970 is refused until its channel is stale, and then taken by itself; its neighbour’s goes on', async () => {
  const { clock, offset } = turned()
  await using world = channelWorld(undefined, clock)
  const [acme, globex] = [world.subscriber('acme', 1), world.subscriber('globex', 2)]
  await world.channels.start()
  await world.channels.reconcile([acme, globex])
  await world.site(globex)
  using site = await Initiator.open({ ...world.secretsOf(acme), to: { address: '127.0.0.1', port: acme.channel.listenPort } })
  assert.ok(await site.shake(Date.now()))
  for (const each of [acme, globex]) await until(`${each.name} is up`, async () => (await stateOf(world, each)).state === 'up')
  const talk = spawn('nsenter', [
    `--net=${namespacePath(world.namespaceOf(globex))}`,
    '--',
    'ping',
    '-n',
    '-i',
    '0.1',
    '-q',
    PBX_ADDRESS,
  ])
  using _talk = { [Symbol.dispose]: () => void talk.kill('SIGKILL') }
  let said = ''
  talk.stdout.on('data', (text) => {
    said += text
  })

  // Another port, as after a restart behind a NAT: nothing of ours can reach it.
  using reborn = await Initiator.open({ ...world.secretsOf(acme), to: { address: '127.0.0.1', port: acme.channel.listenPort } })
  assert.equal(await reborn.shake(1000, 300), false, 'its time is older than what was seen')
  offset.now += 181_000
  await until('the channel is stale', async () => (await stateOf(world, acme)).state === 'stale')
  assert.ok(await reborn.shake(5000), 'any time is taken now')
  await until('it is up again', async () => (await stateOf(world, acme)).state === 'up')
  assert.equal(await reborn.shake(4000, 300), false, 'and an older one is refused again')

  talk.kill('SIGINT')
  await until('the talk is over', () => said.includes('received'))
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(said) ?? assert.fail(said)
  // The last one may be on its way when the talk ends.
  assert.ok(Number(received) > 10 && Number(sent) - Number(received) <= 1, said)
})

test('T06 a platform whose clock is set back an hour keeps its channels, hears its sites, and sees at once who is silent', async () => {
  const { clock, offset } = turned()
  await using world = channelWorld(undefined, clock)
  const acme = world.subscriber('acme', 1)
  await world.channels.start()
  await world.channels.reconcile([acme])
  const site = await world.site(acme)
  await until('it is up', async () => (await stateOf(world, acme)).state === 'up')
  offset.wall -= HOUR_MS
  offset.now += 10_000
  const { state, handshakeAgeSeconds } = await stateOf(world, acme)
  assert.equal(state, 'up')
  assert.ok(handshakeAgeSeconds! >= 10 && handshakeAgeSeconds! < 20, `${handshakeAgeSeconds} s`)
  await site.cut()
  offset.now += 181_000
  await until('its silence is seen', async () => (await stateOf(world, acme)).state === 'stale')
  await site.mend()
  await until('it is up again', async () => (await stateOf(world, acme)).state === 'up')
})
