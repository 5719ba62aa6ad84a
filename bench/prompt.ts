import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newId } from '#lib/index.ts'
import { VoiceProcess } from '../test/interop/voice-process.ts'
import type { Figure } from './figure.ts'
import { cpuMs, description, Load } from './relay.ts'

/** Calls that hear one and the same file, over and over. */
const CALLS = 100
const SECONDS = 5
const WARM_UP_MS = 5000
const TURN_MS = 10_000
const PORTS = { first: 21_000, last: 21_999 }

/** What a call costs that hears a file, and whether each gets all of its frames. */
export async function measure(): Promise<Figure[]> {
  await using voice = await VoiceProcess.start(PORTS)
  using load = new Load()
  const file = join(voice.directory, 'prompt.ulaw')
  writeFileSync(
    file,
    Uint8Array.from({ length: 8000 * SECONDS }, (_, i) => (i * 7) & 0xff),
  )
  const { ports } = await load.ask<{ ports: number[] }>({ open: CALLS })
  for (const port of ports) {
    const endpoint = newId('med')
    await voice.call('endpoint.open', { call: newId('call'), endpoint, realm: 'node' })
    await voice.call('endpoint.describe', { endpoint, description: description(port) })
    void voice.call('play', { endpoint, verb: newId('verb'), source: { file }, loop: 1000 }).catch(() => {})
  }
  const heard = { endless: true, mute: true }
  await load.ask({ runMs: WARM_UP_MS, ...heard })
  const before = cpuMs(voice.pid)
  const { received } = await load.ask<{ sent: number; received: number }>({ runMs: TURN_MS, ...heard })
  const perCallSecond = (cpuMs(voice.pid) - before) / (CALLS * (TURN_MS / 1000))
  const due = CALLS * (TURN_MS / 20)
  const figure = { must: null, aim: null, peer: null } as const
  return [
    { ...figure, name: `${CALLS} prompts, CPU a call-second`, value: perCallSecond, unit: 'ms', better: 'lower' },
    { ...figure, name: 'prompts, calls a core', value: 1000 / perCallSecond, unit: 'calls', better: 'higher' },
    { ...figure, name: 'prompts, frames missing', value: Math.max(0, 1 - received / due) * 100, unit: '%', better: 'lower' },
  ]
}
