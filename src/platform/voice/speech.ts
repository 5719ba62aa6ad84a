import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, SYSTEM_PATH, TielineError, token } from '#lib/index.ts'
import { RATE, writeWav } from '#protocol/audio/index.ts'
import { readWav } from '#protocol/soundfile/index.ts'
import type { SpeechEngine, Utterance } from './speech-engine.ts'

export interface SpeechOptions {
  clock: Clock
  /** Where spoken prompts are kept. */
  directory: string
  /** The program that speaks; default espeak-ng. */
  command?: string
  /** After this it is killed, ms. */
  timeoutMs?: number
}

const TIMEOUT_MS = 10_000
const LONGEST_TEXT = 4000
/** Programs that speak at once; more wait. */
const AT_ONCE = 4
/** Prompts that are kept; beyond, the ones that were made first go. */
const KEPT = 500
/** The largest output that is taken: about twelve minutes, more than the longest text at its slowest. */
const LARGEST_BYTES = 32 << 20

/** What espeak-ng complains of where it has no voice by that name; what more it says than so many characters is let go. */
const NO_VOICE = /voice does not exist/
const LONGEST_COMPLAINT = 500

const NAME = /^[A-Za-z0-9][A-Za-z0-9_+-]{0,39}$/

function failed(why: string, cause?: unknown): TielineError {
  return new TielineError(
    `Nothing was said: ${why}.`,
    { code: 'speech-failed', fault: 'system', retry: true, http: 503 },
    {},
    { cause },
  )
}

function invalid(why: string): TielineError {
  return new TielineError(`Nothing was said: ${why}.`, { code: 'invalid-argument', fault: 'subscriber', retry: false, http: 422 })
}

/** A program that gives nonsense has failed; its text was right. */
function soundOf(bytes: Buffer): Int16Array {
  try {
    return readWav(bytes)
  } catch (error) {
    throw failed('the speech program gave no sound', error)
  }
}

/** Text to sound through espeak-ng, bounded in time and kept by what was asked for (C10). */
export class Speech implements SpeechEngine {
  readonly rateHz = RATE
  readonly #options: SpeechOptions
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(options: SpeechOptions) {
    this.#options = options
  }

  /** The program is so quick that there is one piece. */
  async *speak(utterance: Utterance, signal: AbortSignal): AsyncGenerator<Int16Array, void, undefined> {
    yield await this.#say(utterance, signal)
  }

  async #say(utterance: Utterance, signal: AbortSignal): Promise<Int16Array> {
    const { text, language = 'en', voice = language, rate = 160 } = utterance
    if (text.length > LONGEST_TEXT) throw invalid('the text is too long')
    if (!NAME.test(voice)) throw invalid('the voice has no proper name')
    const words = Math.round(Math.max(80, Math.min(450, rate)))
    const key = createHash('sha256')
      .update(JSON.stringify([text, voice, words]))
      .digest('hex')
    const file = join(this.#options.directory, `${key}.wav`)
    const kept = await readFile(file).catch(() => null)
    if (kept) return readWav(kept)
    await this.#turn(signal)
    try {
      const pcm = soundOf(await this.#run(text, ['--stdin', '--stdout', '-v', voice, '-s', String(words)], signal))
      await this.#keep(file, pcm)
      return pcm
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    while (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running++
    if (!signal.aborted) return
    this.#running--
    this.#waiting.shift()?.()
    throw signal.reason
  }

  #run(text: string, args: string[], signal: AbortSignal): Promise<Buffer> {
    const { clock, command = 'espeak-ng', timeoutMs = TIMEOUT_MS, directory } = this.#options
    // Its sound library makes a directory at each start, used or not, and in /tmp unless it is told where.
    const env = { PATH: SYSTEM_PATH, PULSE_RUNTIME_PATH: join(directory, 'pulse') }
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
      const chunks: Buffer[] = []
      let bytes = 0
      let complaint = ''
      let why: unknown = null
      const kill = (reason: unknown) => {
        why ??= reason
        child.kill('SIGKILL')
      }
      const timer = clock.after(timeoutMs, () => kill(failed('the speech program takes too long')), { keepAlive: true })
      const onAbort = () => kill(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      child.stdin.on('error', () => {})
      child.stdin.end(text)
      child.stdout.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > LARGEST_BYTES) kill(failed('the speech program does not stop talking'))
        else chunks.push(chunk)
      })
      child.stderr.on('data', (chunk: Buffer) => {
        if (complaint.length < LONGEST_COMPLAINT) complaint += chunk
      })
      child.once('error', (error) => {
        why ??= failed('the speech program can not be started', error)
      })
      child.once('close', (code) => {
        timer.cancel()
        signal.removeEventListener('abort', onAbort)
        if (why !== null) reject(why)
        else if (NO_VOICE.test(complaint)) reject(invalid('there is no such voice or language'))
        else if (code !== 0 || bytes === 0) reject(failed('the speech program failed'))
        else resolve(Buffer.concat(chunks))
      })
    })
  }

  /** A full disk only costs the cache. */
  async #keep(file: string, pcm: Int16Array): Promise<void> {
    const { directory } = this.#options
    const part = `${file}.${token(4)}`
    try {
      await mkdir(directory, { recursive: true, mode: 0o750 })
      await writeFile(part, writeWav(pcm), { mode: 0o640 })
      await rename(part, file)
      await this.#forget(directory)
    } catch {
      await rm(part, { force: true })
    }
  }

  async #forget(directory: string): Promise<void> {
    const names = (await readdir(directory)).filter((name) => name.endsWith('.wav'))
    if (names.length <= KEPT) return
    const dated = await Promise.all(names.map(async (name) => ({ name, at: (await stat(join(directory, name))).mtimeMs })))
    dated.sort((a, b) => a.at - b.at)
    await Promise.all(dated.slice(0, names.length - KEPT).map(({ name }) => rm(join(directory, name), { force: true })))
  }
}
