import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Log } from '#lib/index.ts'

/** A value on disk that a switch starts from when those who know better are away. Whole or not at all: a torn file says nothing. */
export class KeptFile<T> {
  readonly #file: string
  readonly #log: Log
  readonly #what: string

  /** `what` it is, for the log: `the snapshot`. */
  constructor(options: { file: string; log: Log; what: string }) {
    this.#file = options.file
    this.#log = options.log
    this.#what = options.what
  }

  /** Null where nothing was kept, or nothing that can be read. */
  read(): T | null {
    try {
      return JSON.parse(readFileSync(this.#file, 'utf8')) as T
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#log.error({ err: error, what: this.#what }, 'what was kept on disk cannot be read')
      return null
    }
  }

  write(value: T): void {
    const temporary = `${this.#file}.new`
    try {
      writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 })
      renameSync(temporary, this.#file)
    } catch (error) {
      this.#log.error({ err: error, what: this.#what }, 'it cannot be kept on disk')
    }
  }
}
