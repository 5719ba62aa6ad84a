import assert from 'node:assert/strict'
import { test } from 'node:test'
import { channelWorld, inside, PBX_ADDRESS, until } from './channel-world.ts'

test('two offices with the same addresses are reached at the same time, each by its own channel (T01)', async () => {
  await using world = channelWorld()
  const acme = world.subscriber('acme', 1)
  const globex = world.subscriber('globex', 2)
  await world.channels.start()
  await world.channels.reconcile([acme, globex])
  await world.site(acme)
  await world.site(globex)
  for (const subscriber of [acme, globex]) {
    await until('the channel is up', async () => {
      await world.channels.poll()
      return world.channels.get(subscriber.id)!.status.state === 'up'
    })
    await inside(world.namespaceOf(subscriber), 'ping', '-c', '1', '-W', '2', PBX_ADDRESS)
  }
  assert.equal(world.made.length, 2)
})
