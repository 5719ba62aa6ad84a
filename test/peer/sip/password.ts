import { createHash } from 'node:crypto'
import { headerOf, type Message } from './message.ts'
import { type Hop, newTag, type SipSocket } from './socket.ts'

/** A carrier's password at a far end: asks for digest (RFC 2617 MD5, written apart from ours) before anything else happens. */
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
  /** REGISTER that was let in, newest last. */
  readonly registers: Message[] = []

  constructor(socket: SipSocket, options: { user: string; password: string; free?: readonly string[] }) {
    this.#socket = socket
    this.#user = options.user
    this.#password = options.password
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
    const md5 = (text: string) => createHash('md5').update(text).digest('hex')
    const ha1 = md5(`${this.#user}:carrier:${this.#password}`)
    const ha2 = md5(`${request.method}:${field('uri')}`)
    const right = md5(`${ha1}:${this.nonce}:${field('nc')}:${field('cnonce')}:auth:${ha2}`)
    const passes = field('response') === right && field('username') === this.#user
    if (passes) this.let.push(request)
    else this.refused += 1
    return passes
  }

  #challenge(request: Message, from: Hop): void {
    const value = `Digest realm="carrier", nonce="${this.nonce}", qop="auth", algorithm=MD5`
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
