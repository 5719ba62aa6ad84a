import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/index.ts'
import { narrowed } from './narrow.ts'
import { OfficeWorld, TONES } from './office-world.ts'

test('T03 the way to a site is narrower than its tunnel and says nothing: both ends find out, and all that is larger passes', async () => {
  await using scene = await OfficeWorld.open({ offices: ['acme'] })
  assert.deepEqual(await narrowed(scene, 1400), ['whole', 'whole', 'whole', 'whole'])
  const { carrier } = scene.world
  assert.ok(scene.platform.log.some(({ message }) => message === 'a channel is as wide as the way to its site'))
  const call = await scene.call(0)
  const heard = async () => (await carrier.report(call)).media?.heard.some(({ what }) => what === TONES.offices[0])
  await until('sound', heard, 8000, 50)
  await carrier.hangup(call)
})
