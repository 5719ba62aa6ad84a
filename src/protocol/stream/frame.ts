/** Types of frames; README.md says who sends which, and what is in them. */
export const FRAME = {
  hello: 1,
  audio: 2,
  clear: 3,
  mark: 4,
  close: 5,
  ready: 6,
  gone: 7,
  dropped: 8,
  end: 9,
} as const

/** Bytes of a payload at most: a longer one is a mistake, or an attack. */
export const LARGEST_PAYLOAD = 32_768

const HEADER = 4

export function writeFrame(type: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  if (payload.length > LARGEST_PAYLOAD) throw new RangeError('the payload is too large for a frame')
  const frame = Buffer.allocUnsafe(HEADER + payload.length)
  frame.writeUInt32BE(((type << 24) | payload.length) >>> 0)
  frame.set(payload, HEADER)
  return frame
}

/** A frame of one number of 32 bits, and octets behind it. */
export function writeNumber(type: number, number: number, ...octets: number[]): Buffer {
  const payload = Buffer.alloc(4 + octets.length)
  payload.writeUInt32BE(number >>> 0)
  payload.set(octets, 4)
  return writeFrame(type, payload)
}

/** A frame of sound. */
export function writeSamples(samples: Int16Array): Buffer {
  return writeFrame(FRAME.audio, littleEndian(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength)))
}

/** The samples of a payload; a half one at its end is left out. */
export function samplesOf(payload: Uint8Array): Int16Array {
  const samples = new Int16Array(payload.length >> 1)
  new Uint8Array(samples.buffer).set(littleEndian(payload.subarray(0, samples.byteLength)))
  return samples
}

const NATIVE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** Bytes of samples from this machine's order to the wire's, or back: the same, where the machine is little-endian itself. */
function littleEndian(bytes: Uint8Array): Uint8Array {
  return NATIVE ? bytes : Buffer.from(bytes).swap16()
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  /** Hands on every whole frame; false when what came is none, after which nothing more can be read. */
  push(chunk: Buffer, take: (type: number, payload: Buffer) => void): boolean {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (bytes.length >= HEADER) {
      const head = bytes.readUInt32BE()
      const length = head & 0xff_ffff
      if (length > LARGEST_PAYLOAD) return false
      if (bytes.length < HEADER + length) break
      const payload = bytes.subarray(HEADER, HEADER + length)
      bytes = bytes.subarray(HEADER + length)
      take(head >>> 24, payload)
    }
    this.#rest = Buffer.from(bytes)
    return true
  }
}
