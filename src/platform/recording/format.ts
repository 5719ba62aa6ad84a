import { createCipheriv, createDecipheriv } from 'node:crypto'
import { TielineError } from '#lib/index.ts'
import type { RecordingHeader } from '#platform/words/index.ts'

/**
 * A sealed recording: `TLREC1`, the length of the header in four bytes (big endian), the header in JSON, then the sound,
 * 16-bit PCM, a second a chunk. Each chunk is sealed by itself (AES-256-GCM, 16 bytes of tag), so that a file that was cut
 * by a crash is good up to its last whole chunk, and any second of it can be opened alone. The nonce is the chunk's number
 * and whether it is the last, and the key is the recording's own: none is used twice, and no chunk can be moved,
 * repeated or taken from the end.
 */
export const MAGIC = Buffer.from('TLREC1')
export const TAG_BYTES = 16
export const RATE = 8000
const LARGEST_HEADER = 4096

export function chunkBytes(channels: number): number {
  return RATE * 2 * channels
}

export function headerBytes(header: RecordingHeader): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(json.length)
  return Buffer.concat([MAGIC, length, json])
}

/** Reads the beginning of a file. Throws `invalid-recording`. */
export function parseHeader(bytes: Buffer): { header: RecordingHeader; bytes: number } {
  const start = MAGIC.length + 4
  if (bytes.length < start || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw broken('it does not begin like one')
  const length = bytes.readUInt32BE(MAGIC.length)
  if (length > LARGEST_HEADER || bytes.length < start + length) throw broken('its header is cut off')
  return { header: JSON.parse(bytes.toString('utf8', start, start + length)) as RecordingHeader, bytes: start + length }
}

function nonce(chunk: number, last: boolean): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt32BE(chunk, 0)
  bytes[4] = last ? 1 : 0
  return bytes
}

export function sealChunk(key: Buffer, chunk: number, last: boolean, sound: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce(chunk, last), { authTagLength: TAG_BYTES })
  return Buffer.concat([cipher.update(sound), cipher.final(), cipher.getAuthTag()])
}

/** The sound of a chunk; null when it was changed, or is not what it is taken for. */
export function openChunk(key: Buffer, chunk: number, last: boolean, sealed: Buffer): Buffer | null {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce(chunk, last), { authTagLength: TAG_BYTES })
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES)), decipher.final()])
  } catch {
    return null
  }
}

export function broken(why: string): TielineError {
  return new TielineError(`The recording can't be read: ${why}.`, {
    code: 'invalid-recording',
    fault: 'system',
    retry: false,
    http: 500,
  })
}
