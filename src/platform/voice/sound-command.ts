/** What the main thread asks of the decoder thread. A file is open under a number from `open` to `close`. */
export type SoundCommand =
  /** Looks it through; `keepUpTo` samples of it are worth keeping, and it is told by its content. */
  | { type: 'open'; file: number; path: string; keepUpTo: number }
  /** Decodes all of it into `pcm`, and closes it. */
  | { type: 'fill'; file: number; pcm: Int16Array; progress: Int32Array }
  /** Decodes it from `from` on into a ring, `times` times in all. */
  | { type: 'pour'; file: number; ring: Int16Array; progress: Int32Array; from: number; times: number }
  | { type: 'close'; file: number }
  | { type: 'ping' }

export type SoundReport =
  /** `content`: the hash of a file that is worth keeping. */
  | { type: 'opened'; file: number; samples: number; content: string | null }
  /** There is enough to begin with. */
  | { type: 'ready'; file: number }
  | { type: 'filled'; file: number }
  | { type: 'failed'; file: number; why: string; mine: boolean }
  | { type: 'pong' }
