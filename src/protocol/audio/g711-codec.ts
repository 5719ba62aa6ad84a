import type { AudioCodec } from './codec.ts'
import { DECODE, ENCODE, type Law } from './g711.ts'
import { waveformCodec } from './waveform.ts'

function g711(name: Law): AudioCodec {
  const decode = DECODE[name]
  const encode = ENCODE[name]
  return waveformCodec({
    name,
    rate: 8000,
    bytesPerSample: 1,
    read: (bytes, start, samples, into) => {
      for (let i = 0; i < samples; i++) into[i] = decode[bytes[start + i]!]!
    },
    write: (pcm, samples, bytes, start) => {
      for (let i = 0; i < samples; i++) bytes[start + i] = encode[pcm[i]! & 0xffff]!
    },
  })
}

export const G711_CODECS: readonly AudioCodec[] = [g711('PCMU'), g711('PCMA')]
