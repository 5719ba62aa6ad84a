import { RATE } from './codec.ts'

export const WAV_HEADER_BYTES = 44

/** The header of a WAV file with `dataBytes` of 8 kHz, 16-bit PCM. */
export function wavHeader(dataBytes: number, channels = 1): Buffer {
  const bytes = Buffer.alloc(WAV_HEADER_BYTES)
  bytes.write('RIFF', 0, 'latin1')
  bytes.writeUInt32LE(WAV_HEADER_BYTES - 8 + dataBytes, 4)
  bytes.write('WAVEfmt ', 8, 'latin1')
  bytes.writeUInt32LE(16, 16)
  bytes.writeUInt16LE(1, 20)
  bytes.writeUInt16LE(channels, 22)
  bytes.writeUInt32LE(RATE, 24)
  bytes.writeUInt32LE(RATE * 2 * channels, 28)
  bytes.writeUInt16LE(2 * channels, 32)
  bytes.writeUInt16LE(16, 34)
  bytes.write('data', 36, 'latin1')
  bytes.writeUInt32LE(dataBytes, 40)
  return bytes
}

/** A whole WAV file: 8 kHz, mono, 16-bit PCM. */
export function writeWav(samples: Int16Array): Buffer {
  return Buffer.concat([wavHeader(samples.length * 2), Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)])
}
