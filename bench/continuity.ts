import { judge, lifeOf } from '../test/interop/one-stream.ts'
import type { Figure } from './figure.ts'

const HOUR_MS = 3_600_000

/** An hour of transfers, parking, holding, prompts, keys and conferences on one leg, by a clock that is turned: is it one stream? */
export async function measure(): Promise<Figure[]> {
  const stream = lifeOf(HOUR_MS, 3)
  const { changes, faults } = judge(stream)
  for (const fault of faults.slice(0, 20)) process.stderr.write(`${fault}\n`)
  const figure = { aim: null, peer: null } as const
  return [
    { ...figure, name: 'an hour of one leg: packets', value: stream.length, unit: 'packets', must: null, better: 'higher' },
    {
      ...figure,
      name: 'an hour of one leg: changes of its source',
      value: changes,
      unit: 'changes',
      must: null,
      better: 'higher',
    },
    { ...figure, name: 'of them not continuous (M06)', value: faults.length, unit: 'packets', must: 0, better: 'lower' },
  ]
}
