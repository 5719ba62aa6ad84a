import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { cseqOf, formatMessage, headerOf, headersOf, hostText, type Message, parseMessage } from './message.ts'

export interface Hop {
  address: string
  port: number
}

/** A retransmission that runs until it is stopped: T1 500 ms, doubled up to T2 4 s, given up after 64*T1 (RFC 3261 §17). */
export interface Retry {
  stop(): void
}

/** The far end's SIP socket: sends, retransmits, and matches responses to what was asked. */
export class SipSocket {
  readonly address: string
  readonly port: number
  readonly name: string
  /** Told of all that comes, before anybody else. */
  onHeard: (message: Message) => void = () => {}
  onRequest: (request: Message, from: Hop) => void = () => {}
  #socket: Socket
  #asked = new Map<string, (response: Message) => void>()
  #retries = new Set<Retry>()

  private constructor(socket: Socket, address: string, port: number, name: string) {
    this.#socket = socket
    this.address = address
    this.port = port
    this.name = name
    socket.on('message', (datagram, from) => this.#receive(datagram, from))
    socket.on('error', () => {})
  }

  static async open(address: string, port: number, name: string): Promise<SipSocket> {
    const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', recvBufferSize: 4 << 20 })
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(port, address, resolve)
    })
    return new SipSocket(socket, address, socket.address().port, name)
  }

  send(message: Message, to: Hop): void {
    this.#socket.send(formatMessage(message), to.port, to.address)
  }

  /** Sends now and again until stopped; `onTimeout` after 32 s. */
  repeat(message: Message, to: Hop, onTimeout: () => void): Retry {
    let wait = 500
    let total = 0
    const again = () => {
      total += wait
      if (total >= 32_000) {
        retry.stop()
        return onTimeout()
      }
      this.send(message, to)
      wait = Math.min(2 * wait, 4000)
      timer = setTimeout(again, wait)
    }
    this.send(message, to)
    let timer = setTimeout(again, wait)
    const retry = {
      stop: () => {
        clearTimeout(timer)
        this.#retries.delete(retry)
      },
    }
    this.#retries.add(retry)
    return retry
  }

  /** Hands the responses to a request with this Via branch and method to `handler`. */
  expect(branch: string, method: string, handler: (response: Message) => void): void {
    this.#asked.set(`${branch} ${method}`, handler)
  }

  /** Sends a request until its final response comes, which it resolves with. */
  ask(request: Message, to: Hop, branch: string): Promise<Message> {
    return new Promise((resolve) => {
      const retry = this.repeat(request, to, () => {})
      this.expect(branch, request.method ?? '', (response) => {
        if ((response.status ?? 0) < 200) return
        retry.stop()
        resolve(response)
      })
    })
  }

  via(branch: string): [string, string] {
    return ['Via', `SIP/2.0/UDP ${hostText(this.address)}:${this.port};branch=${branch};rport`]
  }

  /** A response with what RFC 3261 §8.2.6 copies from the request. */
  response(request: Message, status: number, reason: string, tag: string, extra: [string, string][] = [], body = ''): Message {
    const to = headerOf(request, 'to')
    return {
      status,
      reason,
      headers: [
        ...headersOf(request, 'via').map((via): [string, string] => ['Via', via]),
        ['From', headerOf(request, 'from')],
        ['To', /;\s*tag=/i.test(to) || !tag ? to : `${to};tag=${tag}`],
        ['Call-ID', headerOf(request, 'call-id')],
        ['CSeq', headerOf(request, 'cseq')],
        ['Server', this.name],
        ...extra,
        ...(body ? ([['Content-Type', 'application/sdp']] as [string, string][]) : []),
      ],
      body,
    }
  }

  close(): void {
    for (const retry of [...this.#retries]) retry.stop()
    this.#socket.close()
  }

  #receive(datagram: Buffer, from: Hop): void {
    const message = parseMessage(datagram)
    if (!message) return
    this.onHeard(message)
    if (message.status === undefined) {
      this.onRequest(message, { address: from.address, port: from.port })
      return
    }
    const branch = /;\s*branch=([^;\s,]+)/i.exec(headerOf(message, 'via'))?.[1] ?? ''
    this.#asked.get(`${branch} ${cseqOf(message).method}`)?.(message)
  }
}

export function newBranch(): string {
  return `z9hG4bK${randomBytes(8).toString('hex')}`
}

export function newTag(): string {
  return randomBytes(6).toString('hex')
}
