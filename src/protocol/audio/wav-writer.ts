import { type FileHandle, open } from 'node:fs/promises'
import { RATE } from './wav-reader.ts'

const HEADER_BYTES = 44

/** After how many bytes of sound the header is written again: one second. */
const PATCH_EVERY = RATE * 2

function header(dataBytes: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.write('RIFF', 0, 'latin1')
  bytes.writeUInt32LE(HEADER_BYTES - 8 + dataBytes, 4)
  bytes.write('WAVEfmt ', 8, 'latin1')
  bytes.writeUInt32LE(16, 16)
  bytes.writeUInt16LE(1, 20)
  bytes.writeUInt16LE(1, 22)
  bytes.writeUInt32LE(RATE, 24)
  bytes.writeUInt32LE(RATE * 2, 28)
  bytes.writeUInt16LE(2, 32)
  bytes.writeUInt16LE(16, 34)
  bytes.write('data', 36, 'latin1')
  bytes.writeUInt32LE(dataBytes, 40)
  return bytes
}

/** A whole WAV file: 8 kHz, mono, 16-bit PCM. */
export function writeWav(samples: Int16Array): Buffer {
  return Buffer.concat([header(samples.length * 2), Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)])
}

/**
 * Writes sound into a WAV file while it comes: 8 kHz, mono, 16-bit PCM. The header is true to a second at every moment, so
 * that a process that dies leaves a file that plays up to at most 2 s before its death.
 */
export class WavWriter implements AsyncDisposable {
  readonly #file: FileHandle
  #queue: Promise<void> = Promise.resolve()
  #written = 0
  #proven = 0
  #failure: unknown
  #closed: Promise<void> | undefined

  private constructor(file: FileHandle) {
    this.#file = file
  }

  /** Creates the file; rejects when it is there already or can't be made. */
  static async create(path: string, mode = 0o640): Promise<WavWriter> {
    const file = await open(path, 'wx', mode)
    await file.write(header(0), 0, HEADER_BYTES, 0)
    return new WavWriter(file)
  }

  /** Samples taken so far. */
  get samples(): number {
    return this.#written / 2
  }

  /** Whether writing has failed: nothing more is kept, and `close` will say why. */
  get failed(): boolean {
    return this.#failure !== undefined
  }

  /** Bytes of the file when all is written. */
  get bytes(): number {
    return HEADER_BYTES + this.#written
  }

  /** Takes sound; writing happens behind. What goes wrong is told by `close`. */
  write(samples: Int16Array): void {
    const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)
    const position = HEADER_BYTES + this.#written
    this.#written += bytes.length
    const total = this.#written
    this.#queue = this.#queue.then(async () => {
      if (this.#failure) return
      try {
        await this.#file.write(bytes, 0, bytes.length, position)
        if (total - this.#proven >= PATCH_EVERY) await this.#prove(total)
      } catch (error) {
        this.#failure = error
      }
    })
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

  async #finish(): Promise<void> {
    await this.#queue
    try {
      if (!this.#failure) await this.#prove(this.#written)
    } finally {
      await this.#file.close()
    }
    if (this.#failure) throw this.#failure
  }

  async #prove(total: number): Promise<void> {
    await this.#file.write(header(total), 0, HEADER_BYTES, 0)
    this.#proven = total
  }
}
