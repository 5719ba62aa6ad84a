import { TielineError } from '#lib/index.ts'
import { DECODE } from './g711.ts'
import { resample } from './resample.ts'

/** The rate of all sound in Tieline today, Hz. */
export const RATE = 8000

const FORMATS = { pcm: 1, alaw: 6, mulaw: 7, extensible: 0xfffe } as const

interface Chunks {
  format: number
  channels: number
  rate: number
  bits: number
  data: Uint8Array
}

function unreadable(why: string): TielineError {
  return new TielineError(`The sound file can't be read: ${why}.`, {
    code: 'invalid-sound',
    fault: 'subscriber',
    retry: false,
    http: 422,
  })
}

function readChunks(bytes: Uint8Array): Chunks {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const tag = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4))
  if (bytes.length < 12 || tag(0) !== 'RIFF' || tag(8) !== 'WAVE') throw unreadable('it is not a WAV file')
  let header: Omit<Chunks, 'data'> | undefined
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = tag(at)
    const start = at + 8
    // A writer that was cut off, or that writes into a pipe, leaves a length that is too large: take what is there.
    const length = Math.min(view.getUint32(at + 4, true), bytes.length - start)
    if (name === 'fmt ') {
      if (length < 16) throw unreadable('its format is cut short')
      let format = view.getUint16(start, true)
      if (format === FORMATS.extensible && length >= 26) format = view.getUint16(start + 24, true)
      header = {
        format,
        channels: view.getUint16(start + 2, true),
        rate: view.getUint32(start + 4, true),
        bits: view.getUint16(start + 14, true),
      }
    } else if (name === 'data') {
      if (!header) throw unreadable('its format is missing')
      return { ...header, data: bytes.subarray(start, start + length) }
    }
    at = start + length + (length & 1)
  }
  throw unreadable('it holds no sound')
}

/** One channel of floats in the scale of 16-bit samples: the mean of all channels. */
function toMono({ format, channels, bits, data }: Chunks): Float32Array {
  const g711 = format === FORMATS.alaw ? DECODE.PCMA : format === FORMATS.mulaw ? DECODE.PCMU : undefined
  const width = g711 ? 1 : 2
  const frames = Math.floor(data.length / (width * channels))
  const mono = new Float32Array(frames)
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  if (!g711 && !(format === FORMATS.pcm && bits === 16)) throw unreadable('only 16-bit PCM, A-law and µ-law are known')
  for (let frame = 0, at = 0; frame < frames; frame++) {
    let sum = 0
    for (let c = 0; c < channels; c++, at += width) sum += g711 ? g711[data[at]!]! : view.getInt16(at, true)
    mono[frame] = sum / channels
  }
  return mono
}

/**
 * Reads a WAV file of 16-bit PCM, A-law or µ-law, of any channels and of 4–192 kHz, as 8 kHz mono. Throws TielineError
 * `invalid-sound`.
 */
export function readWav(bytes: Uint8Array): Int16Array {
  const chunks = readChunks(bytes)
  if (chunks.channels < 1 || chunks.channels > 8) throw unreadable('its number of channels is strange')
  if (chunks.rate < 4000 || chunks.rate > 192_000) throw unreadable('its rate is strange')
  const sound = resample(toMono(chunks), chunks.rate, RATE)
  const samples = new Int16Array(sound.length)
  for (let i = 0; i < sound.length; i++) samples[i] = Math.max(-32_768, Math.min(32_767, Math.round(sound[i]!)))
  return samples
}
