import type { AudioCodec, SoundRate } from './codec.ts'
import { waveformCodec } from './waveform.ts'

/** RFC 3551 §4.5.11: 16-bit samples in network byte order. */
function l16(rate: SoundRate): AudioCodec {
  return waveformCodec({
    name: `L16/${rate === 8000 ? 8000 : 16_000}`,
    rate,
    bytesPerSample: 2,
    read: (bytes, at) => ((bytes[at]! << 24) >> 16) | bytes[at + 1]!,
    write: (bytes, at, sample) => {
      bytes[at] = sample >> 8
      bytes[at + 1] = sample
    },
  })
}

export const L16_CODECS: readonly AudioCodec[] = [l16(16_000), l16(8000)]
