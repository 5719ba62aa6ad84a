import type { Detection, EndpointDescription, MediaStats, ToneWay } from '#platform/words/index.ts'
import type { CodecName, Progress, Verdict } from '#protocol/audio/index.ts'
import type { Sounding } from './sounding.ts'

/** What the main thread says of conferences. `coached` is the slot of the only one who hears it, or −1. */
export type RoomCommand =
  | { type: 'sit'; slot: number; room: number }
  | { type: 'seat'; slot: number; muted: boolean; coached: number }
  | { type: 'stand'; slot: number }
  /** Everyone in the endpoint's room hears it. */
  | { type: 'announce'; slot: number; play: number; sound: Sounding }
  | { type: 'unannounce'; slot: number; play: number }

/** What the main thread says of streams between a call and its program. An endpoint has one at most. */
export type StreamCommand =
  | { type: 'stream'; slot: number; stream: number; hear: boolean; live: boolean }
  /** To be played behind what is queued; 8 kHz. */
  | { type: 'stream-audio'; slot: number; stream: number; pcm: Int16Array }
  | { type: 'stream-clear'; slot: number; stream: number }
  | { type: 'unstream'; slot: number; stream: number }

/** What the main thread tells the media loop. An endpoint is a small number, its slot. */
export type MediaCommand =
  | { type: 'open'; slot: number; rtp: number; rtcp: number }
  /** `anyHost`: the named address can't be reached, so that the first proven source may be the far end. */
  | { type: 'describe'; slot: number; description: EndpointDescription; anyHost: boolean }
  | { type: 'join'; a: number; b: number }
  | { type: 'part'; slot: number }
  | { type: 'tones'; slot: number; tones: ToneWay }
  | { type: 'watch'; slot: number; timeoutMs: number }
  | { type: 'play'; slot: number; play: number; sound: Sounding }
  | { type: 'unplay'; slot: number; play: number }
  | { type: 'pause'; slot: number; play: number; paused: boolean }
  | { type: 'dtmf'; slot: number; play: number; digits: string; onMs: number; offMs: number }
  | { type: 'record'; slot: number; record: number }
  | { type: 'hold-record'; slot: number; record: number; paused: boolean }
  | { type: 'unrecord'; slot: number; record: number }
  | { type: 'detect'; slot: number; detect: number; what: Detection }
  | { type: 'undetect'; slot: number; detect: number }
  | RoomCommand
  | StreamCommand
  | { type: 'close'; slot: number }
  | { type: 'stop' }

/** What a detector has found. */
export type Found = { verdict: Verdict } | { progress: Progress }

/** How something that was played has ended: all was sent, it was stopped, another has taken its place. */
export type PlayEnd = 'done' | 'stopped' | 'interrupted'

/** What the media loop tells the main thread. */
export type MediaReport =
  | { type: 'played'; slot: number; play: number; end: PlayEnd; playedMs: number }
  | { type: 'speaking'; slot: number; speaking: boolean }
  | { type: 'digit-started'; slot: number; digit: string }
  | { type: 'codec'; slot: number; codec: CodecName }
  | { type: 'digit'; slot: number; digit: string; durationMs: number }
  | { type: 'media'; slot: number; state: 'silent' | 'flowing'; silentMs: number }
  | { type: 'recorded'; slot: number; record: number; pcm: Int16Array; last: boolean }
  /**
   * Every 20 ms: what was heard, 8 kHz, and how many samples since the beginning have left the queue, and of them were cut out.
   * `cleared`: how many have left it just now by a clear.
   */
  | { type: 'streamed'; slot: number; stream: number; pcm: Int16Array; gone: number; skipped: number; cleared: number | null }
  /** `last`: there is nothing more to be known. */
  | { type: 'detected'; slot: number; detect: number; found: Found | null; last: boolean }
  /** RTCP, in the clear, where somebody watches it; with whom it was exchanged, and when, ms since the epoch. */
  | { type: 'control'; slot: number; sent: boolean; peer: { address: string; port: number }; bytes: Uint8Array; wall: number }
  | { type: 'closed'; slot: number; stats: MediaStats }
  /** A bug that a packet or a command has met: it was dropped, the loop goes on. */
  | { type: 'fault'; message: string; stack: string }
