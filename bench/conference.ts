import { newId } from '#lib/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import { VoiceProcess } from '../test/interop/voice-process.ts'
import type { Figure } from './figure.ts'
import { cpuMs } from './process.ts'
import { description, Load } from './relay.ts'
import type { Target } from './relay-payloads.ts'

/** Seats of one conference, all of which send sound all the time. */
const SEATS = 100
const OPUS_SEATS = 30
const WARM_UP_MS = 5000
const TURN_MS = 10_000
const PORTS = { first: 24_100, last: 24_999 }

/** What a conference of a hundred costs in G.711, and one in Opus that a core can carry, and whether each gets all of its frames. */
export async function measure(): Promise<Figure[]> {
  return [...(await held('PCMU', SEATS)), ...(await held('opus', OPUS_SEATS))]
}

async function held(codec: CodecName, seats: number): Promise<Figure[]> {
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
  await load.ask({ runMs: WARM_UP_MS, endless: true })
  const before = cpuMs([voice.pid])
  const { received } = await load.ask<{ sent: number; received: number }>({ runMs: TURN_MS, endless: true })
  const cpu = cpuMs([voice.pid]) - before
  const perSeatSecond = cpu / (seats * (TURN_MS / 1000))
  const due = seats * (TURN_MS / 20)
  const what = codec === 'PCMU' ? 'conference' : `conference in ${codec}`
  const figure = { must: null, aim: null, peer: null } as const
  return [
    { ...figure, name: `${what} of ${seats}, CPU a seat-second`, value: perSeatSecond, unit: 'ms', better: 'lower' },
    { ...figure, name: `${what}, seats a core`, value: 1000 / perSeatSecond, unit: 'seats', better: 'higher' },
    {
      ...figure,
      name: `${what}, frames that did not come`,
      value: Math.max(0, 1 - received / due) * 100,
      unit: '%',
      better: 'lower',
    },
  ]
}
