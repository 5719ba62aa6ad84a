import type { SoundFile } from '#protocol/soundfile/index.ts'
import { PROGRESS, STATE } from './sounding.ts'

/** Samples that are there before anything is played: one second. */
const ENOUGH = 8000

type Pieces = Generator<Int16Array, void, void>

/** What the decoder has to do for one file, a piece at a time. */
abstract class Task {
  protected readonly sound: SoundFile
  protected readonly progress: Int32Array
  protected pieces: Pieces | null = null
  #told = false

  constructor(sound: SoundFile, progress: Int32Array) {
    this.sound = sound
    this.progress = progress
  }

  get over(): boolean {
    return Atomics.load(this.progress, PROGRESS.state) !== STATE.going
  }

  /** Whether there is enough to begin with, once. */
  get readyNow(): boolean {
    if (this.#told || !(this.over || Atomics.load(this.progress, PROGRESS.written) >= ENOUGH)) return false
    this.#told = true
    return true
  }

  /** Does a piece: whether there is more to do, or nothing now, or nothing any more. */
  abstract step(): Promise<'more' | 'wait' | 'done'>

  protected complete(): 'done' {
    Atomics.store(this.progress, PROGRESS.state, STATE.complete)
    this.close()
    return 'done'
  }

  close(): void {
    this.pieces?.return()
    this.pieces = null
  }
}

/** All of a file into memory. */
export class Filling extends Task {
  readonly #pcm: Int16Array
  #at = 0

  constructor(sound: SoundFile, { pcm, progress }: { pcm: Int16Array; progress: Int32Array }) {
    super(sound, progress)
    this.#pcm = pcm
  }

  async step(): Promise<'more' | 'done'> {
    this.pieces ??= await this.sound.sound(0)
    const { done, value } = this.pieces.next()
    // Where less came than the file said, the rest is silent.
    if (done || !value || this.#at >= this.#pcm.length) return this.complete()
    const part = value.subarray(0, this.#pcm.length - this.#at)
    this.#pcm.set(part, this.#at)
    this.#at += part.length
    Atomics.store(this.progress, PROGRESS.written, this.#at)
    return 'more'
  }
}

/** A file into a ring, as far as there is room, again and again. */
export class Pouring extends Task {
  readonly #ring: Int16Array
  readonly #from: number
  #times: number
  #written = 0
  /** Decoded, but there was no room for it. */
  #rest: Int16Array = new Int16Array(0)
  #round = 0

  constructor(sound: SoundFile, command: { ring: Int16Array; progress: Int32Array; from: number; times: number }) {
    super(sound, command.progress)
    this.#ring = command.ring
    this.#from = command.from
    this.#times = command.times
  }

  async step(): Promise<'more' | 'wait' | 'done'> {
    if (this.over) return 'done'
    if (this.#rest.length === 0 && !(await this.#decode())) return this.complete()
    const room = this.#ring.length - ((this.#written - Atomics.load(this.progress, PROGRESS.taken)) | 0)
    const part = this.#rest.subarray(0, room)
    const mask = this.#ring.length - 1
    for (let i = 0; i < part.length; i++) this.#ring[(this.#written + i) & mask] = part[i]!
    this.#written += part.length
    this.#rest = this.#rest.subarray(part.length)
    Atomics.store(this.progress, PROGRESS.written, this.#written | 0)
    return this.#rest.length === 0 ? 'more' : 'wait'
  }

  /** False once the last round is over. */
  async #decode(): Promise<boolean> {
    for (;;) {
      this.pieces ??= await this.sound.sound(this.#round === 0 ? this.#from : 0)
      const { done, value } = this.pieces.next()
      if (!done && value.length > 0) {
        this.#rest = value
        return true
      }
      if (!done) continue
      this.pieces = null
      this.#round++
      if (--this.#times <= 0) return false
    }
  }
}
