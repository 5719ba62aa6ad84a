/** Bits of a second, in kbit, by the header's index (ISO/IEC 11172-3 §2.4.2.3, 13818-3 §2.4.2.3), of layer III. */
const RATES_1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
const RATES_2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
const SAMPLE_RATES = [44_100, 48_000, 32_000]

/** What the four bytes say with which a frame of MP3 begins. */
export interface MpegFrame {
  /** In bytes, with the header. */
  length: number
  /** Of each channel. */
  samples: number
  rateHz: number
  /** Where a frame that is a table of contents instead of sound says so, in bytes from its beginning. */
  infoAt: number
}

/** Reads a header of MPEG 1, 2 or 2.5, layer III. Undefined when it is none, or has no length of its own ("free format"). */
export function mpegFrame(bytes: Uint8Array): MpegFrame | undefined {
  if (bytes.length < 4 || bytes[0] !== 0xff || (bytes[1]! & 0xe0) !== 0xe0) return undefined
  const version = (bytes[1]! >> 3) & 3
  const layer = (bytes[1]! >> 1) & 3
  const bitrate = bytes[2]! >> 4
  const rate = (bytes[2]! >> 2) & 3
  if (version === 1 || layer !== 1 || bitrate === 0 || bitrate === 15 || rate === 3 || (bytes[3]! & 3) === 2) return undefined
  const first = version === 3
  const rateHz = SAMPLE_RATES[rate]! >> (first ? 0 : version === 2 ? 1 : 2)
  const samples = first ? 1152 : 576
  const kbit = (first ? RATES_1 : RATES_2)[bitrate]!
  const isMono = bytes[3]! >> 6 === 3
  const sideInformation = first ? (isMono ? 17 : 32) : isMono ? 9 : 17
  return {
    length: Math.floor((samples * kbit * 125) / rateHz) + ((bytes[2]! >> 1) & 1),
    samples,
    rateHz,
    infoAt: 4 + sideInformation,
  }
}

/** A frame without sound that encoders put first: how many frames follow, and what to leave out of them. */
export interface MpegInfo {
  frames: number | undefined
  /** Samples that the encoder has put before and behind what it was given; 0 where it doesn't say. */
  delay: number
  padding: number
}

/** Reads the table of contents ("Xing", "Info") of a first frame; undefined when it is sound. */
export function mpegInfo(frame: Uint8Array, { infoAt }: MpegFrame): MpegInfo | undefined {
  const name = String.fromCharCode(...frame.subarray(infoAt, infoAt + 4))
  if (name !== 'Xing' && name !== 'Info') return undefined
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  if (frame.length < infoAt + 8) return { frames: undefined, delay: 0, padding: 0 }
  const flags = view.getUint32(infoAt + 4)
  const frames = flags & 1 && frame.length >= infoAt + 12 ? view.getUint32(infoAt + 8) : undefined
  const encoder = infoAt + 8 + (flags & 1 ? 4 : 0) + (flags & 2 ? 4 : 0) + (flags & 4 ? 100 : 0) + (flags & 8 ? 4 : 0)
  if (frame.length < encoder + 24 || frame[encoder] === 0) return { frames, delay: 0, padding: 0 }
  const both = (frame[encoder + 21]! << 16) | (frame[encoder + 22]! << 8) | frame[encoder + 23]!
  return { frames, delay: both >> 12, padding: both & 0xfff }
}
