import { newId } from '#lib/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import { VoiceProcess } from '../test/interop/voice-process.ts'
import type { Figure } from './figure.ts'
import { type Carried, counted, description, Load } from './relay.ts'
import type { Target } from './relay-payloads.ts'

/** Seats of one conference, all of which send sound all the time. */
const SEATS = 100
const OPUS_SEATS = 30
const PORTS = { first: 8000, last: 20_999 }

/** What a conference of a hundred costs in G.711, and one in Opus that a core can carry, and whether each gets all of its frames. */
export async function measure(): Promise<Figure[]> {
  return [...(await figures('PCMU', SEATS)), ...(await figures('opus', OPUS_SEATS))]
}

async function figures(codec: CodecName, seats: number): Promise<Figure[]> {
  const { cpu, missing } = await carry(codec, seats)
  const what = codec === 'PCMU' ? 'conference' : `conference in ${codec}`
  const figure = { must: null, aim: null, peer: null } as const
  return [
    { ...figure, name: `${what} of ${seats}, CPU a seat-second`, value: cpu, unit: 'ms', better: 'lower' },
    { ...figure, name: `${what}, seats a core`, value: 1000 / cpu, unit: 'seats', better: 'higher' },
    { ...figure, name: `${what}, frames missing`, value: missing, unit: 'frames', must: 0, better: 'lower' },
  ]
}

/** One conference of so many seats. */
export async function carry(codec: CodecName, seats: number): Promise<Carried> {
  await using voice = await VoiceProcess.start(PORTS)
  using load = new Load()
  const { ports } = await load.ask<{ ports: number[] }>({ open: seats })
  await load.ask({ speak: ports.map(() => codec) })
  const aim: Target[] = []
  for (const port of ports) {
    const endpoint = newId('med')
    aim.push(await voice.call('endpoint.open', { call: newId('call'), endpoint, realm: 'node' }))
    await voice.call('endpoint.describe', { endpoint, description: description(port, codec) })
    void voice.call('conference.sit', { endpoint, verb: newId('verb'), conference: 'bench', muted: false }).catch(() => {})
  }
  await load.ask({ aim })
  return await counted(load, voice, seats, { endless: true })
}
