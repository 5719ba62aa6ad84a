import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { CliError, Unreachable } from './error.ts'

export interface Page<T> {
  items: T[]
  next?: string
}

/** Where the API is, without a slash at its end, and the key for it. */
export interface Place {
  url: string
  key: string
}

/** Ms of silence after which a stream's server is not there any more: two of its beats. */
const SILENCE_MS = 10_000

/** Ms before a stream is opened again. */
const AGAIN_MS = 500

/** The API as the CLI uses it. Rejects with the sentence that the API said. */
export class Client {
  readonly #find: () => Promise<Place>
  #place: Promise<Place> | null = null

  /** `find` is called at the first request. */
  constructor(find: () => Promise<Place>) {
    this.#find = find
  }

  get<T>(path: string): Promise<T> {
    return this.#ask<T>('GET', path)
  }

  /** Sent with an Idempotency-Key, so that a lost answer can be asked for again without a second effect. */
  post<T>(path: string, body: unknown = {}, once: string = randomUUID()): Promise<T> {
    return this.#ask<T>('POST', path, { body: JSON.stringify(body), type: 'application/json', once })
  }

  upload<T>(path: string, body: Uint8Array, type: string): Promise<T> {
    return this.#ask<T>('POST', path, { body, type, once: randomUUID() })
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.#ask<T>('PUT', path, { body: JSON.stringify(body), type: 'application/json' })
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.#ask<T>('PATCH', path, { body: JSON.stringify(body), type: 'application/json' })
  }

  delete(path: string): Promise<void> {
    return this.#ask<void>('DELETE', path)
  }

  /** Whatever a path answers, as bytes: a PDF. */
  async download(path: string): Promise<Uint8Array> {
    const answer = await this.#fetch('GET', path)
    if (!answer.ok) throw await refusal(answer)
    return new Uint8Array(await answer.arrayBuffer())
  }

  /** All pages of a list. */
  async all<T>(path: string): Promise<T[]> {
    const items: T[] = []
    for (let after: string | undefined; ; ) {
      const page = await this.get<Page<T>>(
        after === undefined ? path : `${path}${path.includes('?') ? '&' : '?'}after=${encodeURIComponent(after)}`,
      )
      items.push(...page.items)
      if (page.next === undefined) return items
      after = page.next
    }
  }

  /**
   * Events as they come, until the signal. A stream that was open is opened again where it ended, or was silent for two beats of
   * its server, and goes on behind the last event.
   */
  async *stream<T>(path: string, signal: AbortSignal, silenceMs = SILENCE_MS): AsyncGenerator<T> {
    let last: string | undefined
    for (let opened = false; !signal.aborted; await delay(AGAIN_MS, undefined, { signal })) {
      const silence = new AbortController()
      const patience = setTimeout(() => silence.abort(), silenceMs)
      const content = { signal: AbortSignal.any([signal, silence.signal]), ...(last === undefined ? {} : { last }) }
      const answer = await this.#fetch('GET', path, content).catch((error: unknown) => {
        if (signal.aborted || !opened) throw error
        return null
      })
      clearTimeout(patience)
      if (answer && answer.status >= 400 && (!opened || answer.status < 500)) throw await refusal(answer)
      if (!answer?.ok || !answer.body) continue
      opened = true
      try {
        for await (const { id, data } of serverSent(answer.body, () => silence.abort(), silenceMs)) {
          last = id ?? last
          if (data !== undefined) yield JSON.parse(data) as T
        }
      } catch (error) {
        if (signal.aborted || error instanceof SyntaxError) throw error
      }
    }
  }

  async #ask<T>(method: string, path: string, content?: Content): Promise<T> {
    for (let tries = 1; ; tries++) {
      const answer = await this.#fetch(method, path, content).catch((error) => {
        // A lost connection is tried again only where that has no second effect.
        if (tries >= 3 || method === 'PATCH') throw error
        return null
      })
      if (answer) {
        const text = await answer.text()
        if (answer.ok) return (text === '' ? null : JSON.parse(text)) as T
        throw problem(answer.status, text)
      }
      await delay(200 * tries)
    }
  }

  async #fetch(method: string, path: string, content: Content & { signal?: AbortSignal; last?: string } = {}): Promise<Response> {
    this.#place ??= this.#find()
    const { url, key } = await this.#place
    const headers: Record<string, string> = { authorization: `Bearer ${key}` }
    if (content.type) headers['content-type'] = content.type
    if (content.once) headers['idempotency-key'] = content.once
    if (content.last !== undefined) headers['last-event-id'] = content.last
    try {
      return await fetch(`${url}${path}`, {
        method,
        headers,
        body: (content.body ?? null) as never,
        ...(content.signal ? { signal: content.signal } : {}),
      })
    } catch (error) {
      if (content.signal?.aborted) throw error
      throw new Unreachable(`The platform does not answer at ${url}. Is it up? Start it with: tieline up`)
    }
  }
}

/** What a text/event-stream says, its beats included, as without a field; calls `silent` after so many ms without a word. */
async function* serverSent(body: ReadableStream<Uint8Array>, silent: () => void, silenceMs: number) {
  let text = ''
  let timer = setTimeout(silent, silenceMs)
  try {
    for await (const chunk of body.pipeThrough(new TextDecoderStream() as never) as ReadableStream<string>) {
      clearTimeout(timer)
      text += chunk
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const said = text.slice(0, end)
        text = text.slice(end + 2)
        yield { id: /^id: (.*)$/m.exec(said)?.[1], data: /^data: (.*)$/m.exec(said)?.[1] }
      }
      timer = setTimeout(silent, silenceMs)
    }
  } finally {
    clearTimeout(timer)
  }
}

interface Content {
  body?: string | Uint8Array
  type?: string
  once?: string
}

async function refusal(answer: Response): Promise<CliError> {
  return problem(answer.status, await answer.text())
}

function problem(status: number, text: string): CliError {
  try {
    const problem = JSON.parse(text) as { detail?: string; type?: string }
    const { detail, type } = problem
    if (detail) return told(status, `${detail} (${type?.split(':').at(-1) ?? status})`, problem)
  } catch {
    // Not ours: a proxy's page, perhaps.
  }
  return told(status, `The platform answered with HTTP status ${status}.`)
}

/** What a 503 says may be otherwise in a moment. */
function told(status: number, sentence: string, problem?: object): CliError {
  return status === 503 ? new Unreachable(sentence, 1, problem) : new CliError(sentence, 1, problem)
}
