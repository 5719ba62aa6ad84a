/** What is to be said. */
export interface Utterance {
  text: string
  /** BCP 47, for engines that have voices by language. */
  language?: string
  voice?: string
  /** Words a minute. */
  rate?: number
}

/** An engine that speaks. */
export interface SpeechEngine {
  /** Samples a second of what it gives; default 24000. */
  readonly rateHz?: 8000 | 16000 | 24000 | 48000
  /**
   * Samples of 16 bits, piece by piece, as soon as there are some. Rejects with the code `speech-failed`, in time, whatever
   * happens to it, or with the signal's reason. It ends, and leaves nothing behind, when the signal aborts or nobody reads on.
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
  /** 0–1, by the engine's own measure, where it has one. */
  confidence?: number
}

/** Something is being listened to. Whatever the engine does, `done` settles in time, and `close` leaves nothing behind. */
export interface Recognition {
  /** Rejects with the code `recognition-failed` or `invalid-argument`, also before `finish` was called. */
  readonly done: Promise<Recognised>
  /** What was heard next: 16 bits at 8 kHz. */
  push(pcm: Int16Array): void
  /** Nothing more comes. */
  finish(): void
  /** It is no longer wanted. Idempotent. */
  close(): void
}

/** An engine that understands speech. */
export interface RecognitionEngine {
  /**
   * Begins at once. `partial` is told what was understood so far, where the engine can tell, best while somebody speaks: each time
   * the whole of it, which takes the place of what was told before; none behind the end.
   */
  listen(expected: Expected, partial: (text: string) => void): Recognition
}
