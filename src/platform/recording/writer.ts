import { type FileHandle, open, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { RecordingHeader } from '#platform/words/index.ts'
import { chunkBytes, headerBytes, sealChunk } from './format.ts'

/**
 * What is left of a disk below this is for who must write: the journal of calls and leases, which gives up a reserve of its own when
 * there is nothing left (PITFALLS O05). Recordings would fill that, too.
 */
const LEAST_FREE_BYTES = 16 << 20

/**
 * Writes a sealed recording while its sound comes, a second at a time: a process that dies leaves a file that is good up
 * to less than 2 s before.
 */
export class RecordingWriter implements AsyncDisposable {
  readonly #path: string
  readonly #file: FileHandle
  readonly #key: Buffer
  readonly #channels: number
  readonly #chunk: Buffer
  #filled = 0
  #chunks = 0
  #samples = 0
  #position: number
  #queue: Promise<void> = Promise.resolve()
  #failure: unknown
  #closed: Promise<void> | undefined

  private constructor(path: string, file: FileHandle, position: number, key: Buffer, channels: number) {
    this.#path = path
    this.#file = file
    this.#position = position
    this.#key = key
    this.#channels = channels
    this.#chunk = Buffer.alloc(chunkBytes(channels))
  }

  /** Creates the file; rejects when it is there already or can't be made. `key` is the recording's own, 32 bytes. */
  static async create(path: string, key: Buffer, header: RecordingHeader): Promise<RecordingWriter> {
    await checkRoom(dirname(path))
    const file = await open(path, 'wx', 0o640)
    const bytes = headerBytes(header)
    try {
      await file.write(bytes, 0, bytes.length, 0)
    } catch (error) {
      await file.close()
      throw error
    }
    return new RecordingWriter(path, file, bytes.length, key, header.channels)
  }

  /** Samples of each channel taken so far. */
  get samples(): number {
    return this.#samples
  }

  /** Whether writing has failed: nothing more is kept, and `close` will say why. */
  get failed(): boolean {
    return this.#failure !== undefined
  }

  /** Bytes of the file when all is written. */
  get bytes(): number {
    return this.#position
  }

  /** Takes sound, channels interleaved; writing happens behind. What goes wrong is told by `close`. */
  write(samples: Int16Array): void {
    this.#samples += samples.length / this.#channels
    const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)
    for (let at = 0; at < bytes.length; ) {
      const taken = bytes.copy(this.#chunk, this.#filled, at)
      at += taken
      this.#filled += taken
      if (this.#filled === this.#chunk.length) this.#put(false)
    }
  }

  /** Writes what is left and closes. Rejects with the first thing that went wrong. */
  close(): Promise<void> {
    this.#closed ??= this.#finish()
    return this.#closed
  }

  /** Closes without a word: whoever needs to know what went wrong awaits `close` first. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close().catch(() => {})
  }

  #put(last: boolean): void {
    const sealed = sealChunk(this.#key, this.#chunks++, last, this.#chunk.subarray(0, this.#filled))
    this.#filled = 0
    const position = this.#position
    this.#position += sealed.length
    this.#queue = this.#queue.then(async () => {
      if (this.#failure) return
      try {
        if (!last) await checkRoom(this.#path)
        await writeAll(this.#file, sealed, position)
      } catch (error) {
        this.#failure = error
      }
    })
  }

  async #finish(): Promise<void> {
    this.#put(true)
    await this.#queue
    await this.#file.close()
    if (this.#failure) throw this.#failure
  }
}

/** Rejects as a write to a full disk does. */
async function checkRoom(path: string): Promise<void> {
  const { bavail, bsize } = await statfs(path)
  if (bavail * bsize < LEAST_FREE_BYTES)
    throw Object.assign(new Error('what is left of the disk is not for recordings'), { code: 'ENOSPC' })
}

/** A disk that is nearly full takes a part first, and says only then that it is full. */
async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at)
    at += bytesWritten
  }
}
