import { RATE } from './tone.ts'

/** A WAV file of 16-bit mono samples at 8 kHz. */
export function toWav(samples: Int16Array): Buffer {
  const head = Buffer.alloc(44)
  head.write('RIFF', 0)
  head.writeUInt32LE(36 + samples.byteLength, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(RATE, 24)
  head.writeUInt32LE(2 * RATE, 28)
  head.writeUInt16LE(2, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36)
  head.writeUInt32LE(samples.byteLength, 40)
  return Buffer.concat([head, Buffer.from(samples.buffer)])
}

/** The first channel, at 8 kHz: what is looked for is far below the half of that. */
export function windows(wav: Buffer): Int16Array[] {
  const format = wav.indexOf('fmt ') + 8
  const channels = wav.readUInt16LE(format + 2)
  const step = (wav.readUInt32LE(format + 4) / RATE) * channels
  const at = wav.indexOf('data') + 8
  const all = new Int16Array(wav.buffer.slice(wav.byteOffset + at, wav.byteOffset + wav.length - ((wav.length - at) % 2)))
  const samples = Int16Array.from({ length: Math.floor(all.length / step) }, (_, i) => all[i * step]!)
  const found: Int16Array[] = []
  for (let i = 0; i + 800 <= samples.length; i += 800) found.push(samples.subarray(i, i + 800))
  return found
}
