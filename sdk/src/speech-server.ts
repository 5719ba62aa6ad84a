import { VerbError } from './error.ts'
import { joined } from './hear.ts'

/** What is to be said. */
export interface Utterance {
  text: string
  voice?: string
  /** Words a minute. */
  rate?: number
}

/** An engine of your own that speaks: samples of 16 bits at 24 kHz, piece by piece, as soon as it has them. */
export interface SpeechEngine {
  speak(utterance: Utterance, signal: AbortSignal): AsyncIterable<Int16Array>
}

export interface SpeechServerOptions {
  /** Where its API begins: `http://speech.office.lan:8000/v1`. */
  url: string
  /** Sent as a bearer token. */
  key?: string
  model: string
  voice: string
  /** Seconds to wait for the first sound, and for each further piece. Default 5. */
  timeout?: number
  /** Bytes of sound that are kept; default 16 MiB, 0 keeps nothing. The least recently said go first. */
  cacheBytes?: number
}

/** Words a minute that a speech server's `speed` of 1 is taken for. */
const USUAL_RATE = 160

/** Bytes of one text: ten minutes. More is no answer to a text. */
const LONGEST = 600 * 48_000

function failed(why: string, cause?: unknown): VerbError {
  return new VerbError(`Nothing was said: ${why}.`, 'speech-failed', true, { cause })
}

/** A speech server of your office that speaks as OpenAI's does (`/v1/audio/speech`). What it has said is kept in memory. */
export class SpeechServer implements SpeechEngine {
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
    const patience = new AbortController()
    let timer = setTimeout(() => patience.abort(), timeout * 1000)
    const onTime = () => {
      clearTimeout(timer)
      timer = setTimeout(() => patience.abort(), timeout * 1000)
    }
    try {
      const headers = { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) }
      const end = AbortSignal.any([signal, patience.signal])
      const response = await fetch(`${url}/audio/speech`, {
        method: 'POST',
        headers,
        body: order,
        signal: end,
        redirect: 'error',
      })
      const type = response.headers.get('content-type') ?? ''
      if (!response.ok || !response.body) throw failed(`the speech server answered ${response.status}`)
      if (/json|text|html|xml/.test(type)) throw failed(`the speech server answered with ${type.slice(0, 60)}`)
      yield* samples(response.body, onTime)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (error instanceof VerbError) throw error
      throw failed(
        patience.signal.aborted ? 'the speech server takes too long' : 'the speech server can not be reached, or has died',
        error,
      )
    } finally {
      clearTimeout(timer)
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

/** The samples of a body; a piece may end in the middle of one. */
async function* samples(body: AsyncIterable<Uint8Array>, onPiece: () => void): AsyncGenerator<Int16Array, void, undefined> {
  let rest = Buffer.alloc(0)
  let total = 0
  for await (const chunk of body) {
    onPiece()
    total += chunk.length
    if (total > LONGEST) throw failed('the speech server does not stop talking')
    const bytes = Buffer.concat([rest, chunk])
    const count = bytes.length >> 1
    if (count > 0) yield Int16Array.from({ length: count }, (_, i) => bytes.readInt16LE(2 * i))
    rest = bytes.subarray(2 * count)
  }
}
