import { Upsampler } from '#protocol/audio/index.ts'
import type { Expected, Recognised, Recognition, RecognitionEngine } from './engine.ts'
import { VerbError } from './error.ts'
import { LONGEST_SOUND, LONGEST_TRANSCRIPT, notUnderstood } from './not-understood.ts'
import { phraseIn } from './phrases.ts'
import { WebSocketClient } from './websocket.ts'

export interface RealtimeServerOptions {
  /** Where its API begins, `http` or `https`, `ws` or `wss`: `http://speech.office.lan:8000/v1`. */
  url: string
  /** Sent as a bearer token. */
  key?: string
  model: string
  /** Seconds to be reached in, and from the end of what is said to the whole answer; default 10. */
  timeout?: number
  /** Words that are likely, beside phrases. */
  prompt?: string
}

/** Its sound has 24000 samples a second, as `audio/pcm`. */
const FACTOR = 3

/** Pieces that it is given in; a server that finds pauses by itself makes one of each. */
const MOST_PIECES = 1000

/** Characters of all that it may say. */
const MOST_SAID = 1 << 22

const SAID = 'conversation.item.input_audio_transcription'

/**
 * A server of your office that understands while somebody speaks, as OpenAI's does (`/v1/realtime?intent=transcription`): the sound
 * goes there as it is heard, and `partial` is told words that come before the end.
 */
export class RealtimeServer implements RecognitionEngine {
  readonly #options: RealtimeServerOptions

  constructor(options: RealtimeServerOptions) {
    this.#options = options
  }

  /** `done` rejects with a VerbError `recognition-failed`, in time, whatever the server does. */
  listen(expected: Expected, partial: (text: string) => void): Recognition {
    return new RealtimeTranscription(this.#options, expected, partial)
  }
}

/** What the server says: all that is looked at of it. */
interface Said {
  type?: unknown
  item_id?: unknown
  delta?: unknown
  transcript?: unknown
  error?: { code?: unknown }
}

class RealtimeTranscription implements Recognition {
  readonly done: Promise<Recognised>
  readonly #timeoutMs: number
  readonly #expected: Expected
  readonly #partial: (text: string) => void
  readonly #settle: { resolve(result: Recognised): void; reject(error: unknown): void }
  readonly #socket: WebSocketClient
  readonly #upsampler = new Upsampler(FACTOR)
  /** What is to be sent once it is open. */
  #unsent: string[] | null = []
  /** What was said, piece by piece as the server takes it: its words so far, and whether these are the last. */
  readonly #items = new Map<unknown, { text: string; whole: boolean }>()
  #told = ''
  #samples = 0
  #said = 0
  #finishing = false
  /** Whether the server says when it has taken what was sent, and has since the end. */
  #commits: 'unknown' | 'awaited' | 'taken' = 'unknown'
  #timer: NodeJS.Timeout
  #over = false

  constructor(options: RealtimeServerOptions, expected: Expected, partial: (text: string) => void) {
    const { promise, resolve, reject } = Promise.withResolvers<Recognised>()
    this.done = promise
    this.done.catch(() => {})
    this.#settle = { resolve, reject }
    const { url, key, timeout = 10 } = options
    this.#timeoutMs = timeout * 1000
    this.#expected = expected
    this.#partial = partial
    this.#timer = this.#limit()
    const at = `${url.replace(/^http/, 'ws')}/realtime?intent=transcription`
    this.#socket = new WebSocketClient(at, key ? { authorization: `Bearer ${key}` } : {}, {
      opened: () => this.#opened(options),
      text: (message) => this.#take(message),
      lost: (why, cause) => this.#fail(notUnderstood(`the server: ${why}`, cause)),
    })
  }

  push(pcm: Int16Array): void {
    if (this.#over || this.#finishing || this.#samples >= LONGEST_SOUND) return
    this.#samples += pcm.length
    const audio = Buffer.from(this.#upsampler.push(pcm).buffer).toString('base64')
    this.#send({ type: 'input_audio_buffer.append', audio })
  }

  finish(): void {
    if (this.#over || this.#finishing) return
    this.#finishing = true
    if (this.#commits === 'taken') this.#commits = 'awaited'
    clearTimeout(this.#timer)
    this.#timer = this.#limit()
    this.#send({ type: 'input_audio_buffer.commit' })
  }

  close(): void {
    this.#fail(notUnderstood('it was given up'))
  }

  #limit(): NodeJS.Timeout {
    return setTimeout(() => this.#fail(notUnderstood('the server takes too long')), this.#timeoutMs)
  }

  #send(event: object): void {
    const message = JSON.stringify(event)
    if (this.#unsent) this.#unsent.push(message)
    else this.#socket.send(message)
  }

  #opened({ model, prompt }: RealtimeServerOptions): void {
    const { language, phrases = [] } = this.#expected
    const likely = [...(prompt ? [prompt] : []), ...phrases].join(', ')
    // These servers name a language by its first part alone.
    const transcription = { model, language: language.split('-')[0], ...(likely ? { prompt: likely } : {}) }
    const input = { format: { type: 'audio/pcm', rate: 8000 * FACTOR }, transcription, turn_detection: null }
    this.#socket.send(JSON.stringify({ type: 'session.update', session: { type: 'transcription', audio: { input } } }))
    for (const message of this.#unsent ?? []) this.#socket.send(message)
    this.#unsent = null
    if (!this.#finishing) clearTimeout(this.#timer)
  }

  #take(message: string): void {
    if (this.#over) return
    try {
      this.#read(message)
    } catch (error) {
      this.#fail(error instanceof VerbError ? error : notUnderstood('the server talks nonsense', error))
    }
    if (!this.#over) this.#understood()
  }

  /** @throws VerbError, and what nonsense comes to */
  #read(message: string): void {
    this.#said += message.length
    if (this.#said > MOST_SAID) throw notUnderstood('the server does not stop talking')
    const { type, item_id: item, delta, transcript, error } = (JSON.parse(message) ?? {}) as Said
    if (type === `${SAID}.delta`) this.#hear(item, delta, false)
    else if (type === `${SAID}.completed`) this.#hear(item, transcript, true)
    else if (type === `${SAID}.failed`) throw notUnderstood('the server has not understood it')
    // Nothing is left to be taken where it has taken all by itself before.
    else if (type === 'input_audio_buffer.committed' || error?.code === 'input_audio_buffer_commit_empty') this.#commits = 'taken'
    else if (type === 'error') throw notUnderstood('the server refuses it')
  }

  /** The last words for a piece take the place of those that came before. */
  #hear(item: unknown, words: unknown, whole: boolean): void {
    const before = this.#items.get(item)
    if (before?.whole || (typeof words !== 'string' && !whole)) return
    if (typeof words !== 'string') throw notUnderstood('the server answered without a text')
    this.#items.set(item, { text: whole ? words : (before?.text ?? '') + words, whole })
    const text = this.#text
    if (text.length > LONGEST_TRANSCRIPT || this.#items.size > MOST_PIECES)
      throw notUnderstood('the server does not stop talking')
    if (text === this.#told || text === '' || this.#isWhole) return
    this.#told = text
    this.#partial(text)
  }

  get #text(): string {
    return [...this.#items.values()]
      .map(({ text }) => text.trim())
      .join(' ')
      .trim()
  }

  get #isWhole(): boolean {
    const pieces = [...this.#items.values()]
    return this.#finishing && this.#commits !== 'awaited' && pieces.length > 0 && pieces.every(({ whole }) => whole)
  }

  #understood(): void {
    if (!this.#isWhole) return
    const { phrases } = this.#expected
    this.#settle.resolve({ text: phrases ? phraseIn(this.#text, phrases) : this.#text })
    this.#leave()
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#settle.reject(error)
    this.#leave()
  }

  #leave(): void {
    this.#over = true
    this.#unsent = null
    clearTimeout(this.#timer)
    this.#socket.close()
  }
}
