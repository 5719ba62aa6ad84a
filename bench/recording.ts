import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { newId } from '#lib/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import { VoiceProcess } from '../test/interop/voice-process.ts'
import type { Figure } from './figure.ts'
import { type Carried, counted, Load, relayOurs } from './relay.ts'

/** Calls that are relayed, each with both of its sides recorded beside each other, sealed. */
const CALLS = 50
const PORTS = { first: 8000, last: 20_999 }
/** Two channels of 16-bit sound at 8 kHz, in bytes a second. */
const RATE = 32_000

/** What recording adds to a relayed call, in G.711 and in Opus: the same calls without and with it, in one run. */
export async function measure(): Promise<Figure[]> {
  return [...(await figures('PCMU')), ...(await figures('opus'))]
}

async function figures(codec: CodecName): Promise<Figure[]> {
  const { cpu, without, missing, written } = await carry(codec, CALLS)
  const what = codec === 'PCMU' ? 'recorded calls' : `recorded calls in ${codec}`
  const figure = { must: null, aim: null, peer: null } as const
  return [
    { ...figure, name: `${CALLS} ${what}, CPU a call-second`, value: cpu, unit: 'ms', better: 'lower' },
    { ...figure, name: `${what}: recording both sides adds`, value: cpu - without, unit: 'ms', better: 'lower' },
    { ...figure, name: `${what}, calls a core`, value: 1000 / cpu, unit: 'calls', better: 'higher' },
    { ...figure, name: `${what}, packets lost`, value: missing, unit: 'packets', must: 0, better: 'lower' },
    { ...figure, name: `${what}, least that was written`, value: 100 * written, unit: '% of its time', better: 'higher' },
  ]
}

/** So many relayed calls, at first `without` being recorded. `written` is how much of its time the shortest file has. */
export async function carry(codec: CodecName, calls: number): Promise<Carried & { without: number; written: number }> {
  await using voice = await VoiceProcess.start(PORTS)
  using load = new Load()
  const { ports } = await load.ask<{ ports: number[] }>({ open: 2 * calls })
  const pairs: { a: `med_${string}`; b: `med_${string}` }[] = []
  await load.ask({ speak: ports.map(() => codec) })
  await load.ask({ aim: await relayOurs(voice, ports, (a, b) => pairs.push({ a, b }), [codec, codec]) })
  const { cpu: without } = await counted(load, voice, calls)
  const files = pairs.map(({ a, b }, i) => {
    const file = join(voice.directory, `recording-${i}`)
    const header = {
      ...{ id: newId('rec'), subscriber: newId('sub'), call: newId('call') },
      ...{ startedAt: '2026-01-01T00:00:00.000Z', channels: 2 as const, sealedKey: 'v1.bench' as const },
    }
    const key = randomBytes(32).toString('base64')
    const how = { maxMs: 3_600_000, silenceMs: 0, beep: false }
    void voice.call('record', { endpoint: a, other: b, verb: newId('verb'), file, key, header, ...how }).catch(() => {})
    return file
  })
  const started = performance.now()
  const recorded = await counted(load, voice, calls)
  const expected = (RATE * (performance.now() - started)) / 1000
  return { ...recorded, without, written: Math.min(...files.map((file) => statSync(file).size)) / expected }
}
