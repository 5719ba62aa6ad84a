import { VoiceActivity } from '#protocol/audio/index.ts'

/** Frames before a voice was noticed that belong to what is said: 400 ms. */
const BEFORE = 20

/**
 * What is said next in one go, at 8 kHz; null when nobody has begun within `timeout` seconds or the sound is over. Time is
 * counted in sound.
 */
export async function hear(
  frames: AsyncIterable<Int16Array>,
  { timeout, silence, longest }: { timeout: number; silence: number; longest: number },
): Promise<Int16Array | null> {
  const activity = new VoiceActivity(silence * 1000)
  let heard: Int16Array[] = []
  let samples = 0
  for await (const frame of frames) {
    const change = activity.push(frame)
    samples += frame.length
    heard.push(frame)
    if (change === 'began') samples = 0
    if (change === 'ended' || (activity.speaking && samples >= longest * 8000)) return joined(heard)
    if (activity.speaking) continue
    heard = heard.slice(-BEFORE)
    if (samples >= timeout * 8000) return null
  }
  return activity.speaking ? joined(heard) : null
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
