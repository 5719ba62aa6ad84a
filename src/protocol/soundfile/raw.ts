import { DECODE, type Law, RATE } from '#protocol/audio/index.ts'
import type { Bytes } from './bytes.ts'
import type { SoundFile } from './sound-file.ts'

/** What a file without a header holds: 16-bit PCM, little-endian, or one of the laws. */
export type RawFormat = Law | 'PCM'

/** What a file of raw sound at 8 kHz holds, by its name; undefined for names of other files. */
export function rawFormat(name: string): RawFormat | undefined {
  const ending = /\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase()
  if (ending === 'ulaw' || ending === 'ul') return 'PCMU'
  if (ending === 'alaw' || ending === 'al') return 'PCMA'
  return ending === 'sln' || ending === 'raw' ? 'PCM' : undefined
}

export function openRaw(bytes: Bytes, format: RawFormat): SoundFile {
  const width = format === 'PCM' ? 2 : 1
  const samples = Math.floor(bytes.size / width)
  return {
    format: 'raw',
    samples,
    sound: async (from) => read(bytes, format, width, from),
  }
}

function* read(bytes: Bytes, format: RawFormat, width: number, from: number): Generator<Int16Array, void, void> {
  const piece = Buffer.alloc(RATE * width)
  for (let at = from * width; at < bytes.size; ) {
    const count = Math.floor(bytes.read(at, piece) / width)
    if (count === 0) return
    const pcm = new Int16Array(count)
    for (let i = 0; i < count; i++) pcm[i] = format === 'PCM' ? piece.readInt16LE(2 * i) : DECODE[format][piece[i]!]!
    yield pcm
    at += count * width
  }
}
