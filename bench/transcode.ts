import type { CodecName } from '#protocol/audio/index.ts'
import { VoiceProcess } from '../test/interop/voice-process.ts'
import type { Figure } from './figure.ts'
import { counted, Load, relayOurs } from './relay.ts'

/** Calls at once, both ends of which speak all the time. */
const CALLS = 20
const PORTS = { first: 21_000, last: 21_999 }

/** The first is relayed as it comes: what a call costs that needs none of this. */
const PAIRS: readonly (readonly [CodecName, CodecName])[] = [
  ['PCMU', 'PCMU'],
  ['PCMU', 'PCMA'],
  ['PCMU', 'G722'],
  ['PCMU', 'opus'],
  ['G722', 'opus'],
  ['PCMU', 'L16/16000'],
]

/** What two legs cost that share no codec: the same calls in one pair of codecs after the other. */
export async function measure(): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const codecs of PAIRS) figures.push(...(await measured(codecs)))
  return figures
}

async function measured(codecs: readonly [CodecName, CodecName]): Promise<Figure[]> {
  await using voice = await VoiceProcess.start(PORTS)
  using load = new Load()
  const { ports } = await load.ask<{ ports: number[] }>({ open: 2 * CALLS })
  await load.ask({ speak: ports.map((_, i) => codecs[i % 2]!) })
  await load.ask({ aim: await relayOurs(voice, ports, undefined, codecs) })
  const { cpu, missing } = await counted(load, voice, CALLS, { endless: true })
  const figure = { must: null, aim: null, peer: null } as const
  const pair = codecs.join(' and ')
  return [
    { ...figure, name: `${pair}, CPU a call-second`, value: cpu, unit: 'ms', better: 'lower' },
    { ...figure, name: `${pair}, calls a core`, value: 1000 / cpu, unit: 'calls', better: 'higher' },
    { ...figure, name: `${pair}, frames missing`, value: missing, unit: 'frames', better: 'lower' },
  ]
}
