import type { Expected, Recognised, Recognition, RecognitionEngine } from './engine.ts'
import { VerbError } from './error.ts'
import { EventStream } from './event-stream.ts'
import { joined } from './hear.ts'
import { LONGEST_SOUND, LONGEST_TRANSCRIPT, notUnderstood } from './not-understood.ts'
import { phraseIn } from './phrases.ts'
import { post } from './post.ts'

export interface TranscriptionServerOptions {
  /** Where its API begins: `http://speech.office.lan:8000/v1`. */
  url: string
  /** Sent as a bearer token. */
  key?: string
  model: string
  /** Seconds from the end of what is said to the whole answer; default 10. */
  timeout?: number
  /** Asks for the words as they are understood (`stream`), for servers that can; the others answer as ever. */
  partials?: boolean
  /** Words that are likely, beside phrases. */
  prompt?: string
}

/** Bytes of an answer, with all that a server may say around the transcript. */
const LARGEST_ANSWER = 1 << 20

/** A server of your office that understands speech as OpenAI's does (`/v1/audio/transcriptions`). */
export class TranscriptionServer implements RecognitionEngine {
  readonly #options: TranscriptionServerOptions

  constructor(options: TranscriptionServerOptions) {
    this.#options = options
  }

  /** `done` rejects with a VerbError `recognition-failed`, in time, whatever the server does. */
  listen(expected: Expected, partial: (text: string) => void): Recognition {
    return new Transcription(this.#options, expected, partial)
  }
}

class Transcription implements Recognition {
  readonly done: Promise<Recognised>
  readonly #options: TranscriptionServerOptions
  readonly #expected: Expected
  readonly #partial: (text: string) => void
  readonly #end = new AbortController()
  readonly #settle: { resolve(result: Recognised): void; reject(error: unknown): void }
  #heard: Int16Array[] = []
  #samples = 0
  #over = false
  #asked = false
  /** What was understood so far. */
  #text = ''

  constructor(options: TranscriptionServerOptions, expected: Expected, partial: (text: string) => void) {
    const { promise, resolve, reject } = Promise.withResolvers<Recognised>()
    this.done = promise
    this.done.catch(() => {})
    this.#settle = { resolve, reject }
    this.#options = options
    this.#expected = expected
    this.#partial = partial
  }

  push(pcm: Int16Array): void {
    if (this.#over || this.#asked || this.#samples >= LONGEST_SOUND) return
    this.#heard.push(pcm)
    this.#samples += pcm.length
  }

  finish(): void {
    if (this.#over || this.#asked) return
    this.#asked = true
    const sound = joined(this.#heard.splice(0))
    const { timeout = 10 } = this.#options
    const timer = setTimeout(() => this.#fail(notUnderstood('the server takes too long')), timeout * 1000)
    void this.#ask(sound)
      .then(
        (text) => this.#understood(text),
        (error) =>
          this.#fail(
            error instanceof VerbError ? error : notUnderstood('the server can not be reached, or talks nonsense', error),
          ),
      )
      .finally(() => clearTimeout(timer))
  }

  close(): void {
    this.#fail(notUnderstood('it was given up'))
  }

  async #ask(sound: Int16Array): Promise<string> {
    const { url, key } = this.#options
    const form = new Response(this.#form(sound))
    const response = await post(`${url}/audio/transcriptions`, {
      headers: { 'content-type': form.headers.get('content-type')!, ...(key ? { authorization: `Bearer ${key}` } : {}) },
      body: Buffer.from(await form.arrayBuffer()),
      signal: this.#end.signal,
    })
    if (response.statusCode !== 200) {
      response.destroy()
      throw notUnderstood(`the server answered ${response.statusCode}`)
    }
    if (/^text\/event-stream/i.test(response.headers['content-type'] ?? '')) return this.#follow(bounded(response))
    const chunks = await Array.fromAsync(bounded(response))
    return textOf(JSON.parse(Buffer.concat(chunks).toString()))
  }

  #form(sound: Int16Array): FormData {
    const { model, partials, prompt } = this.#options
    const { language, phrases = [] } = this.#expected
    const form = new FormData()
    form.set('model', model)
    form.set('response_format', 'json')
    if (partials) form.set('stream', 'true')
    // These servers name a language by its first part alone.
    form.set('language', language.split('-')[0]!)
    const likely = [...(prompt ? [prompt] : []), ...phrases].join(', ')
    if (likely) form.set('prompt', likely)
    form.set('file', new Blob([wav(sound)], { type: 'audio/wav' }), 'speech.wav')
    return form
  }

  /** Events `transcript.text.delta` and, at the end, `transcript.text.done`. */
  async #follow(body: AsyncIterable<Uint8Array>): Promise<string> {
    const events = new EventStream()
    for await (const chunk of body) {
      for (const data of events.push(chunk)) {
        if (data === '[DONE]') continue
        const event = JSON.parse(data) as { type?: unknown; delta?: unknown } | null
        if (event?.type === 'transcript.text.done') return textOf(event)
        if (event?.type !== 'transcript.text.delta' || typeof event.delta !== 'string') continue
        this.#text += event.delta
        if (this.#text.length > LONGEST_TRANSCRIPT) throw notUnderstood('the server does not stop talking')
        if (!this.#over && event.delta.trim() !== '') this.#partial(this.#text.trim())
      }
    }
    throw notUnderstood('the server has died')
  }

  #understood(text: string): void {
    if (this.#over) return
    const { phrases } = this.#expected
    this.#settle.resolve({ text: phrases ? phraseIn(text, phrases) : text })
    this.#leave()
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#settle.reject(error)
    this.#leave()
  }

  #leave(): void {
    this.#over = true
    this.#heard = []
    this.#end.abort()
  }
}

function textOf(answer: unknown): string {
  const { text } = (answer ?? {}) as { text?: unknown }
  if (typeof text !== 'string' || text.length > LONGEST_TRANSCRIPT) throw notUnderstood('the server answered without a text')
  return text.trim()
}

/** An answer of bearable size. */
async function* bounded(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let total = 0
  for await (const chunk of body) {
    total += chunk.length
    if (total > LARGEST_ANSWER) throw notUnderstood('the server does not stop talking')
    yield chunk
  }
}

/** A WAV file of one channel at 8 kHz. */
function wav(sound: Int16Array): Buffer<ArrayBuffer> {
  const file = Buffer.alloc(44 + 2 * sound.length)
  file.write('RIFF', 0)
  file.writeUInt32LE(36 + 2 * sound.length, 4)
  file.write('WAVEfmt ', 8)
  file.writeUInt32LE(16, 16)
  for (const [at, value] of [
    [20, 1],
    [22, 1],
    [32, 2],
    [34, 16],
  ] as const)
    file.writeUInt16LE(value, at)
  file.writeUInt32LE(8000, 24)
  file.writeUInt32LE(16_000, 28)
  file.write('data', 36)
  file.writeUInt32LE(2 * sound.length, 40)
  for (const [i, sample] of sound.entries()) file.writeInt16LE(sample, 44 + 2 * i)
  return file
}
