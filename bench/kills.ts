import { killed } from '../test/call/kills.ts'
import { World } from '../test/world/index.ts'
import type { Extent, Figure } from './figure.ts'

/** Host is killed again and again while subscribers come and go (PITFALLS T10); `--times 500` for as many as that. */
export async function measure({ times = 20 }: Extent = {}): Promise<Figure[]> {
  const world = await World.open({ offices: [], watched: [], captures: false })
  await using guard = new AsyncDisposableStack()
  guard.use(world)
  const seed = Date.now() % 1_000_000
  const told = (line: string) => void process.stderr.write(`kills (seed ${seed}): ${line}\n`)
  const { answered, cut, wrong } = await killed(world, times, seed, told)
  for (const line of wrong) told(line)
  await guard.disposeAsync()
  const left = world.left()
  for (const line of left) told(`left: ${line}`)
  const figure = (name: string, value: number, unit: string): Figure => ({
    ...{ name: `kills: ${name}`, value, unit, must: null, aim: null, better: 'lower', peer: null },
  })
  return [
    { ...figure('of host, while subscribers come and go', times, 'kills'), better: 'higher' },
    { ...figure('installs and removals that were answered', answered, 'orders'), better: 'higher' },
    { ...figure('installs and removals that were cut', cut, 'orders'), better: 'higher' },
    { ...figure('too much or missing after a start', wrong.length, 'things'), must: 0, broken: wrong.length > 0 },
    { ...figure('left at the end', left.length, 'things'), must: 0, broken: left.length > 0 },
  ]
}

if (import.meta.main) for (const figure of await measure()) process.stdout.write(`${JSON.stringify(figure)}\n`)
