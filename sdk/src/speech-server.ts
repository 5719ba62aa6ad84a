import type { IncomingMessage } from 'node:http'
import type { SpeechEngine, Utterance } from './engine.ts'
import { VerbError } from './error.ts'
import { joined } from './hear.ts'
import { post } from './post.ts'

export interface SpeechServerOptions {
  /** Where its API begins: `http://speech.office.lan:8000/v1`. */
  url: string
  /** Sent as a bearer token. */
  key?: string
  model: string
  voice: string
  /** Seconds to wait for the first sound, and for each further piece; in all it may be so much behind what it has said. Default 5. */
  timeout?: number
  /** Bytes of sound that are kept; default 16 MiB, 0 keeps nothing. The least recently said go first. */
  cacheBytes?: number
}

/** Words a minute that a speech server's `speed` of 1 is taken for. */
const USUAL_RATE = 160

/** Bytes of one text: ten minutes. More is no answer to a text. */
const LONGEST = 600 * 48_000

/** Types that raw sound is sent as; some servers name none. Anything else would be heard as noise. */
const RAW = /^(audio\/(pcm|l16|x-raw|basic)|application\/octet-stream|$)/i

/** With what files begin that are no raw sound: WAV, Ogg, FLAC, ID3, and MPEG's own frames. */
const FILES = ['RIFF', 'OggS', 'fLaC', 'ID3', '\xff\xfb', '\xff\xf3', '\xff\xf2', '\xff\xf1', '{', '<']

function failed(why: string, cause?: unknown): VerbError {
  return new VerbError(`Nothing was said: ${why}.`, 'speech-failed', true, { cause })
}

/** A speech server of your office that speaks as OpenAI's does (`/v1/audio/speech`). What it has said is kept in memory. */
export class SpeechServer implements SpeechEngine {
  readonly rateHz = 24_000
  readonly #options: SpeechServerOptions
  /** In the order of their last use. */
  readonly #kept = new Map<string, Int16Array>()
  #keptBytes = 0
  /** Texts that were said from memory, and those that were not. */
  hits = 0
  misses = 0

  constructor(options: SpeechServerOptions) {
    this.#options = options
  }

  /** Rejects with a VerbError `speech-failed`, in time, whatever the server does; with the signal's reason when that aborts. */
  async *speak(utterance: Utterance, signal: AbortSignal): AsyncGenerator<Int16Array, void, undefined> {
    const { model, voice: usual } = this.#options
    const { text, voice = usual, rate = USUAL_RATE } = utterance
    const speed = Math.max(0.25, Math.min(4, rate / USUAL_RATE))
    const order = JSON.stringify({ model, voice, speed, input: text, response_format: 'pcm' })
    const kept = this.#kept.get(order)
    if (kept) {
      this.hits++
      this.#keep(order, kept)
      yield kept
      return
    }
    this.misses++
    const pieces: Int16Array[] = []
    for await (const piece of this.#ask(order, signal)) {
      pieces.push(piece)
      yield piece
    }
    if (pieces.length === 0) throw failed('the speech server answered without sound')
    this.#keep(order, joined(pieces))
  }

  async *#ask(order: string, signal: AbortSignal): AsyncGenerator<Int16Array, void, undefined> {
    const { url, key, timeout = 5 } = this.#options
    const patience = new Patience(timeout * 1000)
    const end = AbortSignal.any([signal, patience.signal])
    let response: IncomingMessage | undefined
    try {
      const headers = { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) }
      response = await patience.wait(post(`${url}/audio/speech`, { headers, body: order, signal: end }))
      const type = response.headers['content-type'] ?? ''
      if (response.statusCode !== 200) throw failed(`the speech server answered ${response.statusCode}`)
      if (!RAW.test(type)) throw failed(`the speech server answered with ${type.slice(0, 60)}, which is no raw sound`)
      yield* samples(response, patience)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (error instanceof VerbError) throw error
      throw failed(
        patience.signal.aborted ? 'the speech server takes too long' : 'the speech server can not be reached, or has died',
        error,
      )
    } finally {
      // Also where nobody wants the rest.
      response?.destroy()
    }
  }

  #keep(order: string, sound: Int16Array): void {
    const { cacheBytes = 16 << 20 } = this.#options
    this.#drop(order)
    this.#kept.set(order, sound)
    this.#keptBytes += sound.byteLength
    for (const oldest of this.#kept.keys()) {
      if (this.#keptBytes <= cacheBytes) break
      this.#drop(oldest)
    }
  }

  #drop(order: string): void {
    this.#keptBytes -= this.#kept.get(order)?.byteLength ?? 0
    this.#kept.delete(order)
  }
}

/** Time that is spent waiting for a server, and no other: whoever plays the sound may take as long as it lasts. */
class Patience {
  readonly #limitMs: number
  readonly #controller = new AbortController()
  #waitedMs = 0
  /** Ms of sound that came by now: it may have taken as long. */
  soundMs = 0

  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  /** Aborts when it is lost. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  async wait<T>(work: Promise<T>): Promise<T> {
    const from = performance.now()
    const left = Math.min(this.#limitMs, this.#limitMs + this.soundMs - this.#waitedMs)
    const timer = setTimeout(() => this.#controller.abort(), Math.max(0, left))
    try {
      return await work
    } finally {
      clearTimeout(timer)
      this.#waitedMs += performance.now() - from
    }
  }
}

/** The samples of a body at 24 kHz; a piece may end in the middle of one. */
async function* samples(body: AsyncIterable<Buffer>, patience: Patience): AsyncGenerator<Int16Array, void, undefined> {
  const chunks = body[Symbol.asyncIterator]()
  let rest = Buffer.alloc(0)
  let total = 0
  for (let read = await patience.wait(chunks.next()); !read.done; read = await patience.wait(chunks.next())) {
    const bytes = Buffer.concat([rest, read.value])
    if (total === 0 && bytes.length < 4) {
      rest = bytes
      continue
    }
    if (total === 0 && FILES.some((begin) => bytes.toString('latin1', 0, begin.length) === begin))
      throw failed('the speech server answered with a file, and no raw sound')
    total += read.value.length
    if (total > LONGEST) throw failed('the speech server does not stop talking')
    patience.soundMs = total / 48
    const count = bytes.length >> 1
    if (count > 0) yield Int16Array.from({ length: count }, (_, i) => bytes.readInt16LE(2 * i))
    rest = bytes.subarray(2 * count)
  }
}
