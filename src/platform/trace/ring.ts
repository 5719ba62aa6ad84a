import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Log } from '#lib/index.ts'

/** Bytes of a segment, where there is room for sixteen of them: the oldest is dropped whole. */
const SEGMENT_BYTES = 8 << 20
const SEGMENTS = 16

/** Bytes that are read at once. */
const PIECE_BYTES = 1 << 20

/** `trace-<number>-<reached>.v3`. What has another name is of another release, whose form nobody here reads. */
const NAME = /^trace-(\d{1,15})-(\d{1,15})\.v3$/
const OURS = /^trace-/

interface Segment {
  number: number
  /** No line of a former segment is later, in wall-clock ms. Never less than in the one before, also where the clock is set back. */
  reached: number
}

/** A ring of files that are only appended to, in the order of time. */
export class Ring {
  readonly #directory: string
  readonly #maxBytes: number
  readonly #segmentBytes: number
  readonly #ready: Promise<void>
  readonly #segments: Segment[] = []
  /** The last of them, where this process writes to it: one of a former process may be torn at its end. */
  #file: { handle: FileHandle; size: number } | null = null
  #reached = 0

  constructor(options: { directory: string; maxBytes: number; log: Log }) {
    this.#directory = options.directory
    this.#maxBytes = options.maxBytes
    this.#segmentBytes = Math.min(SEGMENT_BYTES, Math.floor(options.maxBytes / SEGMENTS))
    this.#ready = this.#load().catch((error) => options.log.error({ err: error }, 'former traces cannot be read'))
  }

  /** Writes this behind all else; `latest` is the wall-clock ms of the latest in it. Rejects where it could not be written. */
  async append(bytes: Uint8Array, latest: number): Promise<void> {
    await this.#ready
    this.#reached = Math.max(this.#reached, latest)
    const file = await this.#open(bytes.length)
    try {
      for (let written = 0; written < bytes.length; )
        written += (await file.handle.write(bytes, written, bytes.length - written, file.size + written)).bytesWritten
    } catch (error) {
      // The next write may end where one of these lines begins, and would have it for its own.
      await file.handle.truncate(file.size)
      throw error
    }
    file.size += bytes.length
  }

  /**
   * Reads what was written from a wall-clock time on, piece by piece. `look` is given a piece that begins with a line, or
   * with what has been left of one, and says where the last whole line of it ends; less than 0 to see no more.
   */
  async each(from: number, look: (bytes: Buffer) => number): Promise<void> {
    await this.#ready
    const first = this.#segments.findIndex((_, i) => (this.#segments[i + 1]?.reached ?? Number.POSITIVE_INFINITY) >= from)
    const room = { bytes: Buffer.allocUnsafe(PIECE_BYTES) }
    for (const segment of first < 0 ? [] : this.#segments.slice(first)) if (!(await this.#look(segment, room, look))) return
  }

  async close(): Promise<void> {
    await this.#ready
    await this.#file?.handle.close()
    this.#file = null
  }

  /** Whether to go on. One that has been dropped meanwhile is passed over. */
  async #look(segment: Segment, room: { bytes: Buffer }, look: (bytes: Buffer) => number): Promise<boolean> {
    const handle = await open(this.#path(segment), 'r').catch(() => null)
    if (!handle) return true
    try {
      let kept = 0
      for (let position = 0; ; ) {
        const { bytes } = room
        const { bytesRead } = await handle.read(bytes, kept, bytes.length - kept, position)
        if (bytesRead === 0) return true
        position += bytesRead
        const end = kept + bytesRead
        const whole = look(bytes.subarray(0, end))
        if (whole < 0) return false
        // A line that is longer than a piece.
        if (whole === 0 && end === bytes.length) room.bytes = Buffer.allocUnsafe(2 * end)
        bytes.copy(room.bytes, 0, whole, end)
        kept = end - whole
      }
    } finally {
      await handle.close()
    }
  }

  /** The segment that has room for so much; a full one is left, and the oldest dropped. */
  async #open(bytes: number): Promise<{ handle: FileHandle; size: number }> {
    if (this.#file && (this.#file.size === 0 || this.#file.size + bytes <= this.#segmentBytes)) return this.#file
    const made = { number: (this.#segments.at(-1)?.number ?? 0) + 1, reached: this.#reached }
    await this.#file?.handle.close()
    this.#file = null
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    this.#file = { handle: await open(this.#path(made), 'w', 0o600), size: 0 }
    this.#segments.push(made)
    while (this.#segments.length * this.#segmentBytes > this.#maxBytes && this.#segments.length > 1)
      await rm(this.#path(this.#segments.shift()!), { force: true })
    return this.#file
  }

  /** Finds what former processes have written. */
  async #load(): Promise<void> {
    const names = await readdir(this.#directory).catch(() => [])
    for (const name of names) {
      const [, number, reached] = NAME.exec(name) ?? []
      if (number !== undefined) this.#segments.push({ number: Number(number), reached: Number(reached) })
      else if (OURS.test(name)) await rm(path.join(this.#directory, name), { force: true })
    }
    this.#segments.sort((a, b) => a.number - b.number)
    this.#reached = this.#segments.at(-1)?.reached ?? 0
  }

  #path({ number, reached }: Segment): string {
    return path.join(this.#directory, `trace-${number}-${Math.ceil(reached)}.v3`)
  }
}
