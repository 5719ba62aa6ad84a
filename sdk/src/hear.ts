import { VoiceActivity } from '#protocol/audio/index.ts'
import type { Recognition } from './engine.ts'

/** Frames before a voice was noticed that belong to what is said: 400 ms. */
const BEFORE = 20

/**
 * Hands a recognition what is said next in one go, in frames of 8 kHz, as it is said. `silence` seconds end it, and `longest`
 * in any case; time is counted in sound. `began` is told once.
 */
export async function hear(
  frames: AsyncIterable<Int16Array>,
  recognition: Recognition,
  { silence, longest, began }: { silence: number; longest: number; began(): void },
): Promise<void> {
  const activity = new VoiceActivity(silence * 1000)
  let before: Int16Array[] = []
  let samples = 0
  for await (const frame of frames) {
    const change = activity.push(frame)
    if (samples === 0) {
      before = [...before, frame].slice(-BEFORE)
      if (change !== 'began') continue
      for (const piece of before) recognition.push(piece)
      began()
    } else recognition.push(frame)
    samples += frame.length
    if (change === 'ended' || samples >= longest * 8000) break
  }
  recognition.finish()
}

/** Pieces of sound as one. */
export function joined(pieces: Int16Array[]): Int16Array {
  const whole = new Int16Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
