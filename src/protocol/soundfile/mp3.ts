import { RATE, Resampler } from '#protocol/audio/index.ts'
import { type Bytes, tag, Walk } from './bytes.ts'
import { mono } from './mono.ts'
import { type MpegFrame, type MpegInfo, mpegFrame, mpegInfo } from './mpeg-frame.ts'
import { LONGEST, type SoundFile } from './sound-file.ts'
import { unreadable } from './unreadable.ts'

/** Samples by which any decoder of layer III lags behind its encoder (ISO/IEC 11172-3 annex C). */
const DECODER_DELAY = 529

/** Frames before the one to begin with that a decoder must have seen: each may keep part of itself in those before it. */
const RUN_UP = 12

/** A place to begin at is noted every so many frames. */
const PLACES = 64

/** Bytes that may stand before the first frame, and between frames in all: padding, tags of no known form. */
const MOST_OTHER = 1 << 16

/** Frames that are decoded in one go: half a second to two. */
const AT_ONCE = 32

/** A file that was looked through. */
interface Mpeg {
  rateHz: number
  /** Of a frame, of each channel. */
  frameSamples: number
  frames: number
  /** Where every 64th frame stands, from the first on. */
  places: number[]
  /** Samples to leave out at the beginning and at the end. */
  before: number
  after: number
}

/** Puts the walk behind a tag of ID3v2, if there is one. */
function passTag(walk: Walk): void {
  const head = walk.peek(10)
  if (tag(head, 0, 3) !== 'ID3' || head.length < 10) return
  const size = (head[6]! << 21) | (head[7]! << 14) | (head[8]! << 7) | head[9]!
  walk.at += 10 + size + (head[5]! & 0x10 ? 10 : 0)
}

/** Whether one of the tags begins here that end a file: ID3v1, APE, Lyrics3. */
function isEndTag(bytes: Uint8Array): boolean {
  return ['TAG', 'APETAGEX', 'LYRICSBEGIN'].some((name) => tag(bytes, 0, name.length) === name)
}

function isAlike(a: MpegFrame, b: MpegFrame): boolean {
  return a.rateHz === b.rateHz && a.samples === b.samples
}

/** Whether a frame stands here, and behind it the next one of its kind, or the end. */
function proven(walk: Walk, like?: MpegFrame): MpegFrame | undefined {
  const frame = mpegFrame(walk.peek(4))
  if (!frame || (like && !isAlike(frame, like))) return undefined
  if (walk.left <= frame.length) return frame
  const bytes = walk.peek(frame.length + 11)
  const rest = bytes.subarray(frame.length)
  const next = mpegFrame(rest)
  return (next && isAlike(next, frame)) || isEndTag(rest) ? frame : undefined
}

/** Frame by frame; what stands between them is passed by, within limits. */
function* frames(walk: Walk): Generator<{ at: number; frame: MpegFrame; bytes: Uint8Array }, void, void> {
  let like: MpegFrame | undefined
  let other = 0
  while (walk.left >= 4) {
    const inRow = like && other === 0 ? mpegFrame(walk.peek(4)) : undefined
    const frame = inRow && isAlike(inRow, like!) ? inRow : proven(walk, like)
    if (frame) {
      if (walk.left < frame.length) throw unreadable('it is cut short')
      yield { at: walk.at, frame, bytes: walk.peek(frame.length) }
      like = frame
      walk.at += frame.length
      other = 0
    } else {
      if (like && isEndTag(walk.peek(11))) return
      if (++other > MOST_OTHER) throw unreadable(like ? 'it is damaged' : 'it is neither WAV, MP3 nor Ogg Opus')
      walk.at++
    }
  }
  if (!like) throw unreadable('it is neither WAV, MP3 nor Ogg Opus')
}

function look(bytes: Bytes): Mpeg {
  const walk = new Walk(bytes)
  passTag(walk)
  const places: number[] = []
  let first: MpegFrame | undefined
  let info: MpegInfo | undefined
  let count = 0
  for (const { at, frame, bytes: whole } of frames(walk)) {
    if (!first) {
      first = frame
      info = mpegInfo(whole, frame)
      if (info) continue
    }
    if (count++ % PLACES === 0) places.push(at)
    if ((count * frame.samples * RATE) / frame.rateHz > LONGEST) throw unreadable('it is longer than two hours')
  }
  const { rateHz, samples } = first!
  if (info?.frames !== undefined && count < info.frames) throw unreadable('it is cut short')
  // Without a word of the encoder nothing is known of what it has put before.
  const before = info && info.delay > 0 ? info.delay + DECODER_DELAY : 0
  const after = info && info.padding > DECODER_DELAY ? info.padding - DECODER_DELAY : 0
  return { rateHz, frameSamples: samples, frames: count, places, before, after }
}

/** A file of MPEG 1, 2 or 2.5 layer III, of constant or variable rate. Throws TielineError `invalid-sound`. */
export function openMp3(bytes: Bytes): SoundFile {
  const mpeg = look(bytes)
  const length = Math.max(0, mpeg.frames * mpeg.frameSamples - mpeg.before - mpeg.after)
  return {
    format: 'mp3',
    samples: Math.floor((length * RATE) / mpeg.rateHz),
    sound: (from) => open(bytes, mpeg, Math.round((from * mpeg.rateHz) / RATE), length),
  }
}

/** The decoder is loaded where the first MP3 is heard: no other thread has it. */
async function open(bytes: Bytes, mpeg: Mpeg, from: number, length: number): Promise<Generator<Int16Array, void, void>> {
  const { MPEGDecoder } = await import('mpg123-decoder')
  const decoder = new MPEGDecoder({ enableGapless: false })
  await decoder.ready
  return read(bytes, mpeg, decoder, from, length)
}

interface MpegDecoder {
  decode(bytes: Uint8Array): { channelData: Float32Array[]; samplesDecoded: number }
  free(): void
}

/** From the sample `from` of its own rate on, to the end of `length`. */
function* read(bytes: Bytes, mpeg: Mpeg, decoder: MpegDecoder, from: number, length: number): Generator<Int16Array, void, void> {
  const { frameSamples, before, places, rateHz } = mpeg
  const wanted = Math.max(0, Math.floor((from + before) / frameSamples) - RUN_UP)
  const place = Math.min(Math.floor(wanted / PLACES), places.length - 1)
  // Where the next decoded sample lies: negative ones, and those before `from`, are left out.
  let at = place * PLACES * frameSamples - before
  const resampler = new Resampler(rateHz, RATE)
  try {
    for (const batch of batches(new Walk(bytes, places[place]))) {
      const { channelData, samplesDecoded } = decoder.decode(batch.bytes)
      const due = batch.frames * frameSamples
      const start = Math.min(due, Math.max(0, from - at))
      const end = Math.max(start, Math.min(due, length - at))
      // What can't be decoded is as long as it was, and silent.
      yield resampler.push(
        mono(end - start, channelData.length, (i, channel) =>
          start + i < samplesDecoded ? channelData[channel]![start + i]! * 32_768 : 0,
        ),
      )
      at += due
      if (at >= length) break
    }
    yield resampler.end()
  } finally {
    decoder.free()
  }
}

/** Some frames at a time, as one piece. */
function* batches(walk: Walk): Generator<{ bytes: Uint8Array; frames: number }, void, void> {
  let held: Uint8Array[] = []
  const batch = () => {
    const whole = { bytes: new Uint8Array(Buffer.concat(held)), frames: held.length }
    held = []
    return whole
  }
  for (const { bytes } of frames(walk)) {
    held.push(bytes.slice())
    if (held.length === AT_ONCE) yield batch()
  }
  if (held.length > 0) yield batch()
}
