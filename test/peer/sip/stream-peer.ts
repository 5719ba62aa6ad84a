import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { cseqOf, formatMessage, headerOf, headersOf, type Message, parseMessage } from './message.ts'

/** One connection of a far end: whole messages in, whole messages out. */
export class PeerConnection {
  readonly socket: Socket
  /** All that came, in order. */
  readonly messages: Message[] = []
  closed = false
  /** Lines with nothing on them between messages: answers to pings (RFC 5626 §4.4.1). */
  pongs = 0
  onMessage: (message: Message) => void = () => {}
  #text = ''

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => this.#receive(chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
    })
  }

  send(message: Message): void {
    this.socket.write(formatMessage(message))
  }

  requests(method: string): Message[] {
    return this.messages.filter((m) => m.method === method)
  }

  responses(method: string): number[] {
    return this.messages.flatMap((m) => (m.status !== undefined && cseqOf(m).method === method ? [m.status] : []))
  }

  #receive(text: string): void {
    this.#text += text
    for (;;) {
      while (this.#text.startsWith('\r\n')) {
        this.#text = this.#text.slice(2)
        this.pongs += 1
      }
      const end = this.#text.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#text)?.[1] ?? 0)
      if (this.#text.length < end + 4 + length) return
      const message = parseMessage(Buffer.from(this.#text.slice(0, end + 4 + length), 'latin1'))
      this.#text = this.#text.slice(end + 4 + length)
      if (!message) continue
      this.messages.push(message)
      this.onMessage(message)
    }
  }
}

/** A far end that listens for connections and answers what comes with 200, an INVITE with its own offer. */
export class StreamPeer {
  readonly connections: PeerConnection[] = []
  readonly address: string
  readonly port: number
  readonly #server: Server
  /** Goes deaf: connections stay, and nothing that comes is answered. */
  deaf = false
  readonly #secure: boolean

  private constructor(server: Server, address: string, port: number, secure: boolean) {
    this.#server = server
    this.address = address
    this.port = port
    this.#secure = secure
  }

  /** `server`: one that speaks TLS, instead of plain TCP. */
  static async open(address: string, port: number, server: Server = createServer(), secure = false): Promise<StreamPeer> {
    server.listen(port, address)
    await once(server, 'listening')
    const peer = new StreamPeer(server, address, port, secure)
    server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => peer.#accept(socket))
    return peer
  }

  /** Everything that has come by any connection. */
  requests(method: string): Message[] {
    return this.connections.flatMap((c) => c.requests(method))
  }

  close(): void {
    for (const { socket } of this.connections) socket.destroy()
    this.#server.close()
  }

  #accept(socket: Socket): void {
    const connection = new PeerConnection(socket)
    this.connections.push(connection)
    const deafFrom = this.connections.length
    connection.onMessage = (message) => {
      if (message.method === undefined || message.method === 'ACK') return
      if (this.deaf && deafFrom === 1) return
      connection.send(accepted(message, { address: this.address, port: this.port, transport: this.#secure ? 'tls' : 'tcp' }))
    }
  }
}

/** 200 to whatever comes, with a description to an INVITE. */
export function accepted(request: Message, at: { address: string; port: number; transport: 'tcp' | 'tls' }): Message {
  const invite = request.method === 'INVITE'
  const to = headerOf(request, 'to')
  return {
    status: 200,
    reason: 'OK',
    headers: [
      ...headersOf(request, 'via').map((via): [string, string] => ['Via', via]),
      ['From', headerOf(request, 'from')],
      ['To', /;\s*tag=/i.test(to) ? to : `${to};tag=stream`],
      ['Call-ID', headerOf(request, 'call-id')],
      ['CSeq', headerOf(request, 'cseq')],
      ...(invite
        ? ([
            ['Contact', `<sip:${at.address}:${at.port};transport=${at.transport}>`],
            ['Content-Type', 'application/sdp'],
          ] as [string, string][])
        : []),
    ],
    body: invite ? describe(at.address) : '',
  }
}

/** A description of G.711 at this address. */
export function describe(address: string): string {
  const lines = ['v=0', `o=- 1 1 IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0', 'm=audio 40000 RTP/AVP 0', '']
  return lines.join('\r\n')
}
