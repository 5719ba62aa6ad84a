import { DID, World } from '../test/call/harness.ts'
import type { Figure } from './figure.ts'
import { SippLoad } from './switch-load.ts'

/** Calls a second, and for how long (DESIGN §9). */
const RATE = 400
const SECONDS = 60
/** Until the compiler of the JavaScript engine has done its work: a switch runs for months. */
const WARM_UP = 6000

/** A load that goes on for a minute: no call fails, and on a network that loses nothing no message is sent twice. */
export async function measure(): Promise<Figure[]> {
  await using world = await World.open({ media: 'direct', farEnds: false })
  using load = new SippLoad({ directory: world.directory, caller: `${world.net}.2`, callee: `${world.net}.3` })
  const to = { ...world.node, number: DID }
  await load.run(to, RATE, WARM_UP)
  const before = await repeats(world)
  const { calls, failed } = await load.run(to, RATE, RATE * SECONDS)
  const after = await repeats(world)
  await world.quiet(20_000)
  const figure = (name: string, value: number, unit: string): Figure => ({
    ...{ name: `${RATE} calls/s for ${SECONDS} s: ${name}`, value, unit, must: 0, aim: 0, better: 'lower', peer: null },
  })
  return [
    figure('failed', failed, `of ${calls} calls`),
    figure('sent again by us', after.out - before.out, 'messages'),
    figure('sent again to us', after.in - before.in, 'messages'),
  ]
}

/** Messages that were sent once more, by us and to us, since the switch was started. */
async function repeats(world: World): Promise<{ in: number; out: number }> {
  const metrics = await world.link.call('metrics', {})
  const { samples } = metrics.find(({ name }) => name === 'tieline_sip_retransmissions_total')!
  const of = (direction: string) => samples.find(({ labels }) => labels?.direction === direction)!.value
  return { in: of('in'), out: of('out') }
}

if (import.meta.main) for (const figure of await measure()) process.stdout.write(`${JSON.stringify(figure)}\n`)
