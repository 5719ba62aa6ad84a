import { join } from 'node:path'
import type { World, WorldOptions } from './harness.ts'

/** Lets a test turn the clock of the switch, which looks then as if it had stood still: that is no reason to refuse calls. */
export const TURNED = {
  execArgv: ['--import', join(import.meta.dirname, 'turn.fixture.ts')],
  load: { shedAboveMs: 1e12 },
} as const satisfies WorldOptions

/** Turns it on; what is due by then is done, but what that sends may still be on its way. */
export async function turn(world: World, seconds: number): Promise<void> {
  world.child('switch').send({ turn: seconds * 1000 })
  await world.link.call('status', {})
}
