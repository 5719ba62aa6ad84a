import { newId } from '#lib/index.ts'
import { until } from '../peer/clock.ts'
import type { World } from './harness.ts'

/** A second subscriber, globex, without an agent: its calls take the default route. Gives its number. */
export async function addNeighbour(world: World): Promise<string> {
  const number = '+3225550777'
  const [acme] = world.snapshot.subscribers
  const channel = { ...acme!.channel, address: `${world.net}.67` }
  const globex = { ...acme!, id: newId('sub'), name: 'globex', slot: 1, numbers: [{ number }], channel }
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, subscribers: [acme!, globex] })
  return number
}

/** The median of twenty calls of the carrier's, one after the other, from INVITE to answer, ms. */
export async function setUps(world: World, number: string): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < 20; i++) {
    const call = await world.carrier.place({ to: world.node, from: '+32470123456', number })
    await until('an answer', () => call.phase === 'up', 5000)
    const { invitedAt, answeredAt } = call.report()
    times.push(answeredAt! - invitedAt)
    call.hangup()
    await until('its end', () => call.phase === 'ended', 5000)
  }
  return times.sort((a, b) => a - b)[10]!
}
