import { VerbError } from './error.ts'

/** An engine of your own that understands speech. `sound` is of 16 bits at 8 kHz. */
export interface Transcriber {
  transcribe(sound: Int16Array, options: { language?: string; prompt?: string }, signal: AbortSignal): Promise<string>
}

export interface TranscriptionServerOptions {
  /** Where its API begins: `http://speech.office.lan:8000/v1`. */
  url: string
  /** Sent as a bearer token. */
  key?: string
  model: string
  /** Seconds to wait for the whole answer; default 10. */
  timeout?: number
}

/** Characters of an answer; more is no transcript of what one person says in one go. */
const LONGEST = 20_000

function failed(why: string, cause?: unknown): VerbError {
  return new VerbError(`Nothing was understood: ${why}.`, 'recognition-failed', true, { cause })
}

/** A server of your office that understands speech as OpenAI's does (`/v1/audio/transcriptions`). */
export class TranscriptionServer implements Transcriber {
  readonly #options: TranscriptionServerOptions

  constructor(options: TranscriptionServerOptions) {
    this.#options = options
  }

  /** Rejects with a VerbError `recognition-failed`, in time, whatever the server does; with the signal's reason when that aborts. */
  async transcribe(sound: Int16Array, options: { language?: string; prompt?: string }, signal: AbortSignal): Promise<string> {
    const { url, key, model, timeout = 10 } = this.#options
    const form = new FormData()
    form.set('model', model)
    form.set('response_format', 'json')
    for (const [name, value] of Object.entries(options)) if (value) form.set(name, value)
    form.set('file', new Blob([wav(sound)], { type: 'audio/wav' }), 'speech.wav')
    const headers = key ? { authorization: `Bearer ${key}` } : {}
    const patience = AbortSignal.timeout(timeout * 1000)
    try {
      const end = AbortSignal.any([signal, patience])
      const response = await fetch(`${url}/audio/transcriptions`, {
        method: 'POST',
        headers,
        body: form,
        signal: end,
        redirect: 'error',
      })
      if (!response.ok) throw failed(`the server answered ${response.status}`)
      const { text } = ((await response.json()) ?? {}) as { text?: unknown }
      if (typeof text !== 'string' || text.length > LONGEST) throw failed('the server answered without a text')
      return text.trim()
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (error instanceof VerbError) throw error
      throw failed(patience.aborted ? 'the server takes too long' : 'the server can not be reached, or talks nonsense', error)
    }
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
