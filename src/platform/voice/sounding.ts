/** How far the decoder is, in an `Int32Array` that threads share: samples written, its state, samples taken from a ring. */
export const PROGRESS = { written: 0, state: 1, taken: 2, words: 3 } as const
export const STATE = { going: 0, complete: 1, failed: 2 } as const

/**
 * Sound on its way to the media thread, 8 kHz. Either all of it, of which `samples` are played from `start` on, beginning again at
 * its end; `progress` says how much is decoded by now, and is left out where all is. Or a ring, which the decoder fills and the
 * media thread empties; its length is a power of two.
 */
export type Sounding =
  | { pcm: Int16Array; samples: number; start?: number; progress?: Int32Array }
  | { ring: Int16Array; progress: Int32Array }

/** Room for `samples`, and for how far it is filled, which threads share. */
export function sharedSound(samples: number): { pcm: Int16Array<SharedArrayBuffer>; progress: Int32Array<SharedArrayBuffer> } {
  return {
    pcm: new Int16Array(new SharedArrayBuffer(2 * samples)),
    progress: new Int32Array(new SharedArrayBuffer(4 * PROGRESS.words)),
  }
}
