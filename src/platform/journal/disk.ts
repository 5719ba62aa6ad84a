import { closeSync, fdatasync, fsync, openSync, unlinkSync, writeFileSync, writeSync } from 'node:fs'
import { statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { loadLibc } from '#protocol/posix/index.ts'

const dataSync = promisify(fdatasync)
const fullSync = promisify(fsync)

/**
 * The descriptor that is written to, those that still have to reach the disk, and a file of nothing that is given up when
 * the disk is full, so that what runs can end in good order (PITFALLS O05).
 */
export class Disk {
  readonly #directory: string
  readonly #reserve: string
  readonly #reserveBytes: number
  readonly #libc = loadLibc()
  #fd: number
  #retired: number[] = []
  #directoryChanged = true
  #held = false

  constructor(directory: string, fd: number, reserveBytes: number) {
    this.#directory = directory
    this.#reserve = join(directory, 'reserve')
    this.#reserveBytes = reserveBytes
    this.#fd = fd
    try {
      writeFileSync(this.#reserve, Buffer.alloc(reserveBytes), { mode: 0o600 })
      this.#held = true
    } catch {
      this.#unlinkReserve()
    }
  }

  get reserve(): 'held' | 'released' {
    return this.#held ? 'held' : 'released'
  }

  /**
   * Writes the first `length` bytes, as far as it can, and says how many those were; less than all means that the disk takes no
   * more. What libc does not take at once goes Node's way, which says why.
   */
  write(bytes: Uint8Array, length: number): { written: number; error?: Error } {
    let written = Math.max(0, this.#libc.writeBytes(this.#fd, bytes, length))
    while (written < length) {
      try {
        written += writeSync(this.#fd, bytes, written, length - written)
      } catch (error) {
        if (!this.#held) return { written, error: error as Error }
        this.#unlinkReserve()
      }
    }
    return { written }
  }

  /** Goes on with another file. */
  turn(fd: number): void {
    this.#retired.push(this.#fd)
    this.#fd = fd
    this.#directoryChanged = true
  }

  /** Waits, beside the event loop, until all that has been written is on the disk. */
  async sync(): Promise<void> {
    const retired = [...this.#retired]
    const directory = this.#directoryChanged
    await dataSync(this.#fd)
    for (const fd of retired) await dataSync(fd)
    if (directory) {
      this.#directoryChanged = false
      await this.#syncDirectory()
    }
    for (const fd of retired) closeSync(fd)
    this.#retired = this.#retired.filter((fd) => !retired.includes(fd))
  }

  async #syncDirectory(): Promise<void> {
    const fd = openSync(this.#directory, 'r')
    try {
      await fullSync(fd)
    } catch (error) {
      this.#directoryChanged = true
      throw error
    } finally {
      closeSync(fd)
    }
  }

  /** Takes the reserve again once there is room for it four times over. */
  async refill(): Promise<void> {
    if (this.#held) return
    const { bavail, bsize } = await statfs(this.#directory)
    if (bavail * bsize < 4 * this.#reserveBytes) return
    try {
      await writeFile(this.#reserve, Buffer.alloc(this.#reserveBytes), { mode: 0o600 })
      this.#held = true
    } catch {
      this.#unlinkReserve()
    }
  }

  close(): void {
    for (const fd of [...this.#retired, this.#fd]) closeSync(fd)
    this.#retired = []
  }

  #unlinkReserve(): void {
    this.#held = false
    try {
      unlinkSync(this.#reserve)
    } catch {
      // It was not there: nothing to give up.
    }
  }
}
