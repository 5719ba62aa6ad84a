import { appendFileSync, closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Readable } from 'node:stream'
import type { Clock } from '#lib/index.ts'

export interface OutputOptions {
  /** The file; the one before it is `<file>.1`. */
  file: string
  clock: Clock
  /** Bytes of a file before it is turned over; default 1 MiB. */
  maxFileBytes?: number
  /** Bytes a second that an agent may say in the long run; more is dropped and counted. Default 64 KiB. */
  bytesPerSecond?: number
  /** Told the lines that are kept, as they were printed. */
  onKept?(lines: string[]): void
}

const MAX_LINE = 4096
/** Bytes within a second after which an agent is made to wait: even dropping them takes our time. */
const FLOOD = 2 << 20

/** What an agent prints: kept by lines in two bounded files. An agent that prints without end costs us little. */
export class AgentOutput {
  readonly #options: OutputOptions
  #credit: number
  #creditAt: number
  #dropped = 0
  #bytes: number

  constructor(options: OutputOptions) {
    this.#options = options
    mkdirSync(dirname(options.file), { recursive: true })
    this.#bytes = statSync(options.file, { throwIfNoEntry: false })?.size ?? 0
    this.#credit = this.#burst
    this.#creditAt = options.clock.now()
  }

  /** Follows a stream to its end; `hear` is given its lines, too. */
  follow(stream: Readable, hear: (lines: string[]) => void = () => {}): void {
    const { clock } = this.#options
    let partial = ''
    let bytes = 0
    let since = clock.now()
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => {
      if (clock.now() - since > 1000) {
        bytes = 0
        since = clock.now()
      }
      bytes += text.length
      if (bytes > FLOOD) {
        stream.pause()
        clock.after(1000, () => stream.resume())
      }
      const lines = (partial + text).split('\n')
      partial = (lines.pop() ?? '').slice(0, MAX_LINE)
      this.write(lines)
      hear(lines)
    })
    stream.on('end', () => {
      if (partial === '') return
      this.write([partial])
      hear([partial])
    })
    stream.on('error', () => undefined)
  }

  /** Adds lines, each with the time. */
  write(lines: string[]): void {
    const time = new Date(this.#options.clock.wall()).toISOString()
    let text = ''
    const kept: string[] = []
    for (const line of lines) {
      const whole = `${time} ${line.slice(0, MAX_LINE)}\n`
      if (!this.#spend(whole.length)) this.#dropped++
      else {
        text += this.#confess(time) + whole
        kept.push(line)
      }
    }
    if (text === '') return
    this.#append(text)
    this.#options.onKept?.(kept)
  }

  /** The newest lines, oldest first. */
  tail(count: number): string[] {
    const { file } = this.#options
    const newest = readEnd(file)
    const lines = newest.length >= count ? newest : [...readEnd(`${file}.1`), ...newest]
    return lines.slice(-count)
  }

  get #burst(): number {
    return 4 * (this.#options.bytesPerSecond ?? 64 << 10)
  }

  #spend(bytes: number): boolean {
    const now = this.#options.clock.now()
    const earned = ((now - this.#creditAt) / 1000) * (this.#options.bytesPerSecond ?? 64 << 10)
    this.#credit = Math.min(this.#burst, this.#credit + earned)
    this.#creditAt = now
    if (this.#credit < bytes) return false
    this.#credit -= bytes
    return true
  }

  #confess(time: string): string {
    if (this.#dropped === 0) return ''
    const text = `${time} (${this.#dropped} lines dropped: too much output)\n`
    this.#dropped = 0
    return text
  }

  #append(text: string): void {
    const { file, maxFileBytes = 1 << 20 } = this.#options
    try {
      if (this.#bytes + text.length > maxFileBytes) {
        renameSync(file, `${file}.1`)
        this.#bytes = 0
      }
      appendFileSync(file, text, { mode: 0o640 })
      this.#bytes += Buffer.byteLength(text)
    } catch {
      // A full disk costs an agent its output, and nothing else.
      this.#dropped++
    }
  }
}

function readEnd(file: string, bytes = 512 << 10): string[] {
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch {
    return []
  }
  try {
    const { size } = fstatSync(fd)
    const buffer = Buffer.alloc(Math.min(bytes, size))
    readSync(fd, buffer, 0, buffer.length, size - buffer.length)
    const lines = buffer.toString('utf8').split('\n')
    if (buffer.length < size) lines.shift() // cut in the middle
    if (lines.at(-1) === '') lines.pop()
    return lines
  } finally {
    closeSync(fd)
  }
}
