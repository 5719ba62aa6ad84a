import type { AudioCodec, SoundRate } from './codec.ts'
import { waveformCodec } from './waveform.ts'

/** RFC 3551 §4.5.11: 16-bit samples in network byte order. */
function l16(rate: SoundRate): AudioCodec {
  return waveformCodec({
    name: `L16/${rate === 8000 ? 8000 : 16_000}`,
    rate,
    bytesPerSample: 2,
    read: (bytes, start, samples, into) => {
      for (let i = 0, at = start; i < samples; i++, at += 2) into[i] = (bytes[at]! << 8) | bytes[at + 1]!
    },
    write: (pcm, samples, bytes, start) => {
      for (let i = 0, at = start; i < samples; i++, at += 2) {
        bytes[at] = pcm[i]! >> 8
        bytes[at + 1] = pcm[i]!
      }
    },
  })
}

export const L16_CODECS: readonly AudioCodec[] = [l16(16_000), l16(8000)]
