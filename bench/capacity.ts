import type { CodecName } from '#protocol/audio/index.ts'
import { carry as conference } from './conference.ts'
import type { Figure } from './figure.ts'
import { carry as prompt } from './prompt.ts'
import { carry as recording } from './recording.ts'
import { type Carried, carry as relay } from './relay.ts'

interface Kind {
  name: string
  carry(codec: CodecName, count: number): Promise<Carried>
  /** With how many it is first seen what one costs. */
  first: Record<'PCMU' | 'opus', number>
}

const KINDS: readonly Kind[] = [
  { name: 'relayed calls', carry: relay, first: { PCMU: 100, opus: 100 } },
  { name: 'prompts', carry: prompt, first: { PCMU: 100, opus: 50 } },
  { name: 'recorded calls', carry: recording, first: { PCMU: 50, opus: 50 } },
  { name: 'seats of a conference', carry: conference, first: { PCMU: 100, opus: 30 } },
]

/** Parts of what a core could carry by what one costs, which are tried until nothing is missing. */
const PARTS = [0.8, 0.65, 0.5, 0.35, 0.2]

/** How many calls are carried at once, by one voice process, of which no far end misses a frame. */
export async function measure(): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const { name, carry, first } of KINDS) {
    for (const codec of ['PCMU', 'opus'] as const) {
      const { cpu } = await carry(codec, first[codec])
      const { count, carried } = await most((count) => carry(codec, count), 1000 / cpu)
      const figure = { must: null, aim: null, peer: null } as const
      const what = `${name} in ${codec} at once`
      figures.push(
        { ...figure, name: what, value: count, unit: 'calls', better: 'higher' },
        { ...figure, name: `${what}: of a core`, value: (carried.cpu * count) / 10, unit: '%', better: 'lower' },
        { ...figure, name: `${what}: frames missing`, value: carried.missing, unit: 'frames', must: 0, better: 'lower' },
      )
    }
  }
  return figures
}

async function most(carry: (count: number) => Promise<Carried>, perCore: number): Promise<{ count: number; carried: Carried }> {
  let last = { count: 0, carried: { cpu: 0, missing: 0 } }
  for (const part of PARTS) {
    const count = Math.round(part * perCore)
    last = { count, carried: await carry(count) }
    if (last.carried.missing === 0) break
  }
  return last
}
