import { type FileHandle, open } from 'node:fs/promises'
import type { RecordingHeader } from '#platform/words/index.ts'
import { WAV_HEADER_BYTES, wavHeader } from '#protocol/audio/index.ts'
import { broken, chunkBytes, openChunk, parseHeader, TAG_BYTES } from './format.ts'

/** A sealed recording opened: what it is, and its bytes as those of a WAV file, of which any part can be read alone. */
export class RecordingReader implements AsyncDisposable {
  readonly header: RecordingHeader
  /** Whether its end is there: false while it is being written, and for ever after a crash. */
  readonly complete: boolean
  /** Of the WAV file. */
  readonly bytes: number
  readonly #file: FileHandle
  readonly #key: Buffer
  readonly #start: number
  readonly #chunks: number
  readonly #dataBytes: number

  private constructor(file: FileHandle, key: Buffer, header: RecordingHeader, start: number, end: End) {
    this.#file = file
    this.#key = key
    this.#start = start
    this.header = header
    this.complete = end.complete
    this.#chunks = end.chunks
    this.#dataBytes = end.dataBytes
    this.bytes = WAV_HEADER_BYTES + end.dataBytes
  }

  /** `keyOf` unseals the recording's own key. Rejects with ENOENT, `invalid-recording`, `sealing-key`. */
  static async open(path: string, keyOf: (header: RecordingHeader) => Buffer): Promise<RecordingReader> {
    const file = await open(path, 'r')
    try {
      const beginning = Buffer.alloc(8192)
      const { bytesRead } = await file.read(beginning, 0, beginning.length, 0)
      const { header, bytes: start } = parseHeader(beginning.subarray(0, bytesRead))
      const key = keyOf(header)
      const { size } = await file.stat()
      return new RecordingReader(file, key, header, start, await findEnd(file, key, header, start, size))
    } catch (error) {
      await file.close()
      throw error
    }
  }

  get durationMs(): number {
    return Math.round((this.#dataBytes * 1000) / chunkBytes(this.header.channels))
  }

  /** The WAV file's bytes from `start` up to, and without, `end`. Rejects with `invalid-recording` where it was changed. */
  async *read(start: number, end: number): AsyncGenerator<Buffer> {
    if (start < WAV_HEADER_BYTES) {
      yield wavHeader(this.#dataBytes, this.header.channels).subarray(start, Math.min(end, WAV_HEADER_BYTES))
    }
    const from = Math.max(0, start - WAV_HEADER_BYTES)
    const to = end - WAV_HEADER_BYTES
    const size = chunkBytes(this.header.channels)
    for (let chunk = Math.floor(from / size); chunk * size < to; chunk++) {
      const sound = await this.#chunk(chunk)
      yield sound.subarray(Math.max(0, from - chunk * size), Math.min(sound.length, to - chunk * size))
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #chunk(chunk: number): Promise<Buffer> {
    const size = chunkBytes(this.header.channels)
    const last = this.complete && chunk === this.#chunks - 1
    const sealed = await readAt(this.#file, this.#start + chunk * (size + TAG_BYTES), size + TAG_BYTES)
    const sound = sealed && openChunk(this.#key, chunk, last, sealed)
    if (!sound) throw broken(`second ${chunk} of it was changed`)
    return sound
  }
}

interface End {
  complete: boolean
  chunks: number
  dataBytes: number
}

/** How much of the file is good: all of it when its last chunk says that it is the last, else what is whole. */
async function findEnd(file: FileHandle, key: Buffer, header: RecordingHeader, start: number, size: number): Promise<End> {
  const sound = chunkBytes(header.channels)
  const whole = Math.floor((size - start) / (sound + TAG_BYTES))
  const rest = size - start - whole * (sound + TAG_BYTES)
  if (rest >= TAG_BYTES) {
    const sealed = await readAt(file, start + whole * (sound + TAG_BYTES), rest)
    if (sealed?.length === rest && openChunk(key, whole, true, sealed)) {
      return { complete: true, chunks: whole + 1, dataBytes: whole * sound + rest - TAG_BYTES }
    }
  }
  return { complete: false, chunks: whole, dataBytes: whole * sound }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer | null> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await file.read(bytes, 0, length, position)
  return bytesRead >= TAG_BYTES ? bytes.subarray(0, bytesRead) : null
}
