import { VoiceProcess } from '../test/interop/voice-process.ts'
import type { Figure } from './figure.ts'
import { Load, relayOurs } from './relay.ts'

const PORTS = { first: 21_000, last: 21_999 }
const WARM_UP_MS = 5000
const PROBE_MS = 10_000
/** Calls that are relayed beside the one that is measured. */
const LOADS = [0, 100]
/** What a packet waits for its own sound before it leaves. */
const FRAME_MS = 20

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

/** Mean deviation of transit times, smoothed (RFC 3550 §6.4.1). What is sent evenly has none of its own. */
function jitter(delays: readonly number[]): number {
  let value = 0
  for (let i = 1; i < delays.length; i++) value += (Math.abs(delays[i]! - delays[i - 1]!) - value) / 16
  return value
}

/**
 * How long a packet is on its way through the relay, and what that does to its evenness; alone, and beside a hundred other
 * calls. From mouth to ear it takes its own 20 ms, and what the telephones at both ends add.
 */
export async function measure(): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const calls of LOADS) {
    await using voice = await VoiceProcess.start(PORTS)
    using probe = new Load()
    using load = new Load()
    const { ports } = await probe.ask<{ ports: number[] }>({ open: 2 })
    await probe.ask({ aim: await relayOurs(voice, ports) })
    const busy = await load.ask<{ ports: number[] }>({ open: 2 * calls })
    await load.ask({ aim: await relayOurs(voice, busy.ports) })
    const loaded = calls > 0 ? load.ask({ runMs: WARM_UP_MS + PROBE_MS + 1000 }) : null
    await probe.ask({ probeMs: WARM_UP_MS })
    const { sent, delays } = await probe.ask<{ sent: number; delays: number[] }>({ probeMs: PROBE_MS })
    await loaded
    const sorted = [...delays].sort((a, b) => a - b)
    const figure = { unit: 'ms', must: null, aim: null, better: 'lower', peer: null } as const
    const beside = calls > 0 ? `, beside ${calls} calls` : ''
    figures.push(
      { ...figure, name: `relay, delay added, p50${beside}`, value: quantile(sorted, 0.5) },
      { ...figure, name: `relay, delay added, p99${beside}`, value: quantile(sorted, 0.99) },
      { ...figure, name: `relay, mouth to ear with its frame, p99${beside}`, value: FRAME_MS + quantile(sorted, 0.99) },
      { ...figure, name: `relay, jitter added${beside}`, value: jitter(delays) },
      { ...figure, name: `relay, loss${beside}`, value: 100 * (1 - delays.length / sent), unit: '%' },
    )
  }
  return figures
}
