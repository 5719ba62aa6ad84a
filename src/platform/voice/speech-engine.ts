import { TielineError } from '#lib/index.ts'

// An engine has the same shape here and in the SDK, where subscribers bring their own; test/call/engines.test.ts has what
// each of them must keep.

/** What is to be said. */
export interface Utterance {
  text: string
  /** BCP 47. */
  language?: string
  voice?: string
  /** Words a minute. */
  rate?: number
}

/** An engine that speaks. */
export interface SpeechEngine {
  readonly rateHz: 8000
  /**
   * Samples piece by piece, as soon as there are some. Rejects, in time, with `speech-failed`, `invalid-argument` or the
   * signal's reason, and leaves nothing behind.
   */
  speak(utterance: Utterance, signal: AbortSignal): AsyncIterable<Int16Array>
}

/** What is listened for. */
export interface Expected {
  /** What may be said, and nothing else; without them anything. */
  phrases?: readonly string[]
  /** BCP 47. */
  language: string
}

export interface Recognised {
  /** A phrase as it was given, or the words that were heard; empty where nothing was understood. */
  text: string
  /** 0–1, by the engine's own measure. */
  confidence: number
}

/** Something is being listened to. Whatever the engine does, `done` settles in time, and `close` leaves nothing behind. */
export interface Recognition {
  /** Rejects with `recognition-failed` or `invalid-argument`, also before `finish` was called. */
  readonly done: Promise<Recognised>
  /** What was heard next, 8 kHz. */
  push(pcm: Int16Array): void
  /** Nothing more comes. */
  finish(): void
  /** Idempotent. */
  close(): void
}

/** An engine that understands speech. */
export interface Recogniser {
  /**
   * Begins at once, and loads meanwhile. `partial` is told what was understood so far, where the engine can tell: each time the
   * whole of it, which takes the place of what was told before; none behind the end.
   */
  listen(expected: Expected, partial: (text: string) => void): Recognition
}

export function recognitionFailed(why: string, cause?: unknown): TielineError {
  return new TielineError(
    `Nothing was understood: ${why}.`,
    { code: 'recognition-failed', fault: 'system', retry: true, http: 503 },
    {},
    { cause },
  )
}

export function notExpectable(why: string): TielineError {
  return new TielineError(`It can't be listened for: ${why}.`, {
    code: 'invalid-argument',
    fault: 'subscriber',
    retry: false,
    http: 422,
  })
}
