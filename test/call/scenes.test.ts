import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { SCENES } from '../../demo/scenes/index.ts'
import { Stage } from '../../demo/stage.ts'
import { silentStory } from '../../demo/story.ts'

/** PITFALLS that the scenes hold, by their numbers. */
const PITFALLS: Record<number, string> = {
  1: 'S55 T01 T08',
  2: 'M08 S50',
  3: 'T12 M03 C07',
  4: 'R04 R05 O04',
  5: 'C06 C07',
  6: 'B07 R02 C07',
  7: 'B02 B04 B05',
  8: 'T01 T09 F02',
}

describe('the scenes of the demonstration', () => {
  let stage: Stage
  before(async () => {
    stage = await Stage.open(silentStory())
  })
  after(async () => {
    const leftByPlatform = await stage.platform.stop()
    await stage[Symbol.asyncDispose]()
    assert.deepEqual([...leftByPlatform, ...stage.world.left()], [])
  })
  for (const scene of SCENES)
    test(`${scene.number}. ${scene.title} (${PITFALLS[scene.number]})`, async (context) => {
      try {
        await scene.play(stage)
      } catch (error) {
        context.diagnostic(await stage.diagnosis())
        throw error
      }
    })
})
