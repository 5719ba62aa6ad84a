import { digestAnswer } from './digest.ts'
import { headerOf, headersOf, type Message, tagOf } from './message.ts'
import { type Hop, newBranch, newTag, type SipSocket } from './socket.ts'

export interface SubscribeOptions {
  to: Hop
  user: string
  password: string
  /** Whom it watches. */
  watched: string
  /** Seconds; without it the other side says how long. */
  expires?: number
  /** Default `dialog`. */
  event?: string
  /** Shows this name in From instead: a telephone that lies. */
  as?: string
  headers?: [string, string][]
}

/** What one NOTIFY has told. */
export interface Told {
  at: number
  state: string
  body: string
  version: number
  sequence: number
  /** The dialogs in their order: `early`, `terminated` … */
  states: string[]
}

/** One subscription of a telephone, by hand (RFC 6665 §4.1): asks, with digest, and answers what it is told. */
export class Watcher {
  readonly told: Told[] = []
  /** With what each NOTIFY is answered; null for not at all. */
  answer: number | null = 200
  readonly #socket: SipSocket
  readonly #options: SubscribeOptions
  readonly #callId = newTag()
  readonly #tag = newTag()
  #remoteTag = ''
  #sequence = 0

  constructor(socket: SipSocket, options: SubscribeOptions) {
    this.#socket = socket
    this.#options = options
    const before = socket.onRequest
    socket.onRequest = (message, from) => {
      if (message.method !== 'NOTIFY' || headerOf(message, 'call-id') !== this.#callId) return before(message, from)
      this.#onNotify(message, from)
    }
  }

  get last(): Told | undefined {
    return this.told.at(-1)
  }

  /** SUBSCRIBE, once more with credentials where it is challenged: anew, or as a refresh. Resolves with the final response. */
  async ask(expires = this.#options.expires): Promise<Message> {
    const first = await this.#send(expires)
    if (first.status !== 401) return first
    const { to, watched } = this.#options
    const how = { method: 'SUBSCRIBE', uri: `sip:${watched}@${to.address}` }
    return this.#send(expires, digestAnswer(headersOf(first, 'www-authenticate'), this.#options, how))
  }

  async #send(expires: number | undefined, authorization?: string): Promise<Message> {
    const { to, user, watched, event = 'dialog', as = user, headers = [] } = this.#options
    const branch = newBranch()
    const uri = `sip:${watched}@${to.address}`
    const response = await this.#socket.ask(
      {
        method: 'SUBSCRIBE',
        uri,
        headers: [
          this.#socket.via(branch),
          ['Max-Forwards', '70'],
          ['From', `<sip:${as}@${to.address}>;tag=${this.#tag}`],
          ['To', `<${uri}>${this.#remoteTag ? `;tag=${this.#remoteTag}` : ''}`],
          ['Call-ID', this.#callId],
          ['CSeq', `${++this.#sequence} SUBSCRIBE`],
          ['Contact', `<sip:${user}@${this.#socket.address}:${this.#socket.port}>`],
          ['Event', event],
          ...(expires === undefined ? [] : ([['Expires', String(expires)]] as [string, string][])),
          ...(authorization ? ([['Authorization', authorization]] as [string, string][]) : []),
          ...headers,
        ],
        body: '',
      },
      to,
      branch,
    )
    if (response.status === 200) this.#remoteTag = tagOf(headerOf(response, 'to')) ?? ''
    return response
  }

  #onNotify(message: Message, from: Hop): void {
    const { body } = message
    const sequence = Number.parseInt(headerOf(message, 'cseq'), 10)
    const version = Number(/version="(\d+)"/.exec(body)?.[1] ?? -1)
    const states = [...body.matchAll(/<state>(\w+)<\/state>/g)].map(([, state]) => state!)
    if (this.told.at(-1)?.sequence !== sequence)
      this.told.push({ at: performance.now(), state: headerOf(message, 'subscription-state'), body, version, sequence, states })
    if (this.answer !== null) this.#socket.send(this.#socket.response(message, this.answer, 'As told', this.#tag), from)
  }
}
