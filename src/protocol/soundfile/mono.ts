/** One channel of `frames` floats: the mean of all channels. */
export function mono(frames: number, channels: number, sample: (frame: number, channel: number) => number): Float32Array {
  const out = new Float32Array(frames)
  for (let frame = 0; frame < frames; frame++) {
    let sum = 0
    for (let channel = 0; channel < channels; channel++) sum += sample(frame, channel)
    out[frame] = sum / channels
  }
  return out
}
