import type { CodecName } from '#protocol/audio/index.ts'

/** Where a far end sends to. */
export interface Target {
  address: string
  port: number
}

/** What the load is told, in order: `open`, then `aim` once the relay is ready, then `run` as often as wanted. */
export type LoadCommand =
  | { open: number }
  /** What the far end `i` speaks, in 20 ms frames. PCMU unless it is said. */
  | { speak: CodecName[] }
  /** Where the far end `i` sends to. */
  | { aim: Target[] }
  /** `endless` where what comes doesn't end with what is sent, and can't be waited for. */
  | { runMs: number; endless?: boolean; mute?: boolean }
  /** The first two speak to each other through the relay, and tell how long each packet was on its way, in ms. */
  | { probeMs: number }

/** Packets of a run. `missing` is what was not there between those that came, by their timestamps: lost, or never sent. */
export interface Counted {
  sent: number
  received: number
  missing: number
}

export type LoadReport = { ports: number[] } | { aimed: true } | { spoken: true } | Counted | { sent: number; delays: number[] }

/** The payload type of each codec, at the far ends and at ours. */
export const PAYLOAD_TYPES: Record<CodecName, number> = { PCMU: 0, PCMA: 8, G722: 9, opus: 96, 'L16/16000': 97, 'L16/8000': 98 }
