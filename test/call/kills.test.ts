import assert from 'node:assert/strict'
import { test } from 'node:test'
import { World } from '../world/index.ts'
import { killed } from './kills.ts'

test('T10 host is killed while subscribers come and go: each start brings the node to exactly what is configured', async () => {
  const world = await World.open({ offices: [], watched: [], captures: false })
  {
    await using _world = world
    const { wrong, answered, cut } = await killed(world, 2, 10)
    assert.deepEqual(wrong, [])
    assert.ok(answered > 0 && cut > 0, `${answered} orders were answered, ${cut} cut`)
  }
  assert.deepEqual(world.left(), [])
})
