import { DECODE, RATE, Resampler } from '#protocol/audio/index.ts'
import { type Bytes, bytesOf, tag } from './bytes.ts'
import { mono } from './mono.ts'
import type { SoundFile } from './sound-file.ts'
import { unreadable } from './unreadable.ts'

const FORMATS = { pcm: 1, alaw: 6, mulaw: 7, extensible: 0xfffe } as const

/** Chunks that are looked at before the sound must come. */
const MOST_CHUNKS = 1000

interface Wave {
  format: number
  channels: number
  rate: number
  bits: number
  /** Where its sound stands in the file. */
  start: number
  length: number
}

function header(bytes: Bytes): Wave {
  const head = Buffer.alloc(40)
  if (bytes.read(0, head) < 12 || tag(head, 0, 4) !== 'RIFF' || tag(head, 8, 4) !== 'WAVE')
    throw unreadable('it is not a WAV file')
  let wave: Omit<Wave, 'start' | 'length'> | undefined
  for (let at = 12, chunks = 0; at + 8 <= bytes.size && chunks < MOST_CHUNKS; chunks++) {
    head.fill(0)
    bytes.read(at, head)
    const name = tag(head, 0, 4)
    const start = at + 8
    // A writer that was cut off, or that writes into a pipe, leaves a length that is too large: take what is there.
    const length = Math.min(head.readUInt32LE(4), bytes.size - start)
    if (name === 'fmt ') {
      if (length < 16) throw unreadable('its format is cut short')
      const given = head.readUInt16LE(8)
      const format = given === FORMATS.extensible && length >= 26 ? head.readUInt16LE(32) : given
      wave = { format, channels: head.readUInt16LE(10), rate: head.readUInt32LE(12), bits: head.readUInt16LE(22) }
    } else if (name === 'data') {
      if (!wave) throw unreadable('its format is missing')
      return known({ ...wave, start, length })
    }
    at = start + length + (length & 1)
  }
  throw unreadable('it holds no sound')
}

function known(wave: Wave): Wave {
  const { format, bits, channels, rate } = wave
  const law = format === FORMATS.alaw || format === FORMATS.mulaw
  if (!law && !(format === FORMATS.pcm && bits === 16)) throw unreadable('only 16-bit PCM, A-law and µ-law are known')
  if (channels < 1 || channels > 8) throw unreadable('its number of channels is strange')
  if (rate < 4000 || rate > 192_000) throw unreadable('its rate is strange')
  return wave
}

/** A WAV file of 16-bit PCM, A-law or µ-law, of any channels and of 4–192 kHz. Throws TielineError `invalid-sound`. */
export function openWav(bytes: Bytes): SoundFile {
  const wave = header(bytes)
  return {
    format: 'wav',
    samples: Math.floor((framesOf(wave) * RATE) / wave.rate),
    sound: async (from) => read(bytes, wave, from),
  }
}

function widthOf({ format, channels }: Wave): number {
  return (format === FORMATS.pcm ? 2 : 1) * channels
}

function framesOf(wave: Wave): number {
  return Math.floor(wave.length / widthOf(wave))
}

function* read(bytes: Bytes, wave: Wave, from: number): Generator<Int16Array, void, void> {
  const width = widthOf(wave)
  const frames = framesOf(wave)
  const first = Math.round((from * wave.rate) / RATE)
  const resampler = new Resampler(wave.rate, RATE)
  const piece = new Uint8Array(Math.max(1, Math.floor(wave.rate / 2)) * width)
  for (let frame = first; frame < frames; ) {
    const wanted = Math.min(piece.length, (frames - frame) * width)
    const count = Math.floor(bytes.read(wave.start + frame * width, piece.subarray(0, wanted)) / width)
    if (count === 0) break
    yield resampler.push(framesAsFloats(wave, piece, count))
    frame += count
  }
  yield resampler.end()
}

function framesAsFloats({ format, channels }: Wave, bytes: Uint8Array, count: number): Float32Array {
  const law = format === FORMATS.alaw ? DECODE.PCMA : format === FORMATS.mulaw ? DECODE.PCMU : undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return mono(count, channels, (frame, channel) => {
    const at = frame * channels + channel
    return law ? law[bytes[at]!]! : view.getInt16(2 * at, true)
  })
}

/** A WAV file that is there already, as 8 kHz mono. Throws TielineError `invalid-sound`. */
export function readWav(whole: Uint8Array): Int16Array {
  const bytes = bytesOf(whole)
  const wave = header(bytes)
  const sound = new Int16Array(Math.floor((framesOf(wave) * RATE) / wave.rate))
  let at = 0
  for (const piece of read(bytes, wave, 0)) {
    sound.set(piece.subarray(0, sound.length - at), at)
    at += piece.length
  }
  return sound
}
