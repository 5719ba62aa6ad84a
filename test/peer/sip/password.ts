import { createHash } from 'node:crypto'
import { headerOf, type Message } from './message.ts'
import { type Hop, newTag, type SipSocket } from './socket.ts'

/** A carrier's password at a far end: asks for digest (RFC 7616, written apart from ours) before anything else happens. */
export class Password {
  readonly #socket: SipSocket
  readonly #user: string
  readonly #password: string
  /** Methods that are let through unasked. */
  readonly #free: readonly string[]
  /** What has been let in, and what was refused with credentials in hand. */
  readonly let: Message[] = []
  refused = 0
  nonce = newTag()
  /** Right answers so far that are told that their nonce is stale, and asked for another one. */
  stale = 0
  #saysStale = false
  readonly #algorithm: 'MD5' | 'SHA-256'
  /** REGISTER that was let in, newest last. */
  readonly registers: Message[] = []

  constructor(
    socket: SipSocket,
    options: { user: string; password: string; free?: readonly string[]; algorithm?: 'MD5' | 'SHA-256' },
  ) {
    this.#socket = socket
    this.#user = options.user
    this.#password = options.password
    this.#algorithm = options.algorithm ?? 'MD5'
    this.#free = options.free ?? ['OPTIONS', 'CANCEL']
    const receive = socket.onRequest
    socket.onRequest = (request, from) => {
      if (request.method !== 'ACK' && !this.#free.includes(request.method ?? '') && !this.#passes(request)) {
        this.#challenge(request, from)
        return
      }
      if (request.method === 'REGISTER') this.#register(request, from)
      else receive(request, from)
    }
  }

  #passes(request: Message): boolean {
    const value = request.headers.find(([name]) => /^proxy-authorization$/i.test(name))?.[1]
    if (!value) return false
    const field = (name: string) => new RegExp(`[ ,]${name}="?([^",]+)`).exec(value)?.[1] ?? ''
    const hash = (text: string) =>
      createHash(this.#algorithm === 'MD5' ? 'md5' : 'sha256')
        .update(text)
        .digest('hex')
    const ha1 = hash(`${this.#user}:carrier:${this.#password}`)
    const ha2 = hash(`${request.method}:${field('uri')}`)
    const right = hash(`${ha1}:${this.nonce}:${field('nc')}:${field('cnonce')}:auth:${ha2}`)
    const passes = field('response') === right && field('username') === this.#user
    if (passes && this.stale > 0) {
      this.stale -= 1
      this.nonce = newTag()
      this.#saysStale = true
      return false
    }
    if (passes) this.let.push(request)
    else this.refused += 1
    return passes
  }

  #challenge(request: Message, from: Hop): void {
    const stale = this.#saysStale ? ', stale=true' : ''
    this.#saysStale = false
    const value = `Digest realm="carrier", nonce="${this.nonce}", qop="auth", algorithm=${this.#algorithm}${stale}`
    const extra: [string, string][] = [['Proxy-Authenticate', value]]
    this.#socket.send(this.#socket.response(request, 407, 'Proxy Authentication Required', newTag(), extra), from)
  }

  #register(request: Message, from: Hop): void {
    this.registers.push(request)
    const granted: [string, string][] = [
      ['Contact', headerOf(request, 'contact')],
      ['Expires', headerOf(request, 'expires')],
    ]
    this.#socket.send(this.#socket.response(request, 200, 'OK', newTag(), granted), from)
  }
}
