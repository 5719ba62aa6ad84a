import { createHash, randomBytes } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Duplex } from 'node:stream'

/** RFC 6455 §1.3. */
const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** RFC 6455 §5.2. */
const OPCODE = { more: 0, text: 1, close: 8, ping: 9, pong: 10 } as const

/** Bytes of one message, and its pieces; more is none that an engine of speech has to say. */
const LARGEST = 1 << 20
const MOST_PIECES = 1000

/** Bytes of a frame that is none of a message (RFC 6455 §5.5). */
const LARGEST_CONTROL = 125

/** Bytes that wait to be sent, beyond which a ping is not answered: a later one is (§5.5.3). */
const MOST_UNSENT = 1 << 16

export interface WebSocketListener {
  opened(): void
  text(message: string): void
  /** It can't be had, has ended, or broke a rule; once, and never behind `close`. */
  lost(why: string, cause?: unknown): void
}

/** A client's WebSocket for text, of which nothing is left when it is closed, whatever its server does. */
export class WebSocketClient {
  readonly #listener: WebSocketListener
  #request: ReturnType<typeof httpRequest> | null = null
  #socket: Duplex | null = null
  #unread = Buffer.alloc(0)
  /** Of the message that is being said, and their bytes. */
  #pieces: Buffer[] = []
  #length = 0
  #over = false

  constructor(url: string, headers: Record<string, string>, listener: WebSocketListener) {
    this.#listener = listener
    try {
      this.#request = this.#ask(url, headers)
    } catch (cause) {
      // Whoever has made it knows it by then.
      queueMicrotask(() => this.#lose('it can not be asked', cause))
    }
  }

  send(text: string): void {
    if (!this.#over) this.#write(OPCODE.text, Buffer.from(text))
  }

  /** Idempotent; says so to the server, and waits for nothing. */
  close(): void {
    if (this.#over) return
    this.#write(OPCODE.close, Buffer.from([0x03, 0xe8]))
    this.#end()
  }

  /** @throws where the address or a header is none */
  #ask(url: string, headers: Record<string, string>): ReturnType<typeof httpRequest> {
    const key = randomBytes(16).toString('base64')
    const begin = url.startsWith('wss:') ? httpsRequest : httpRequest
    const request = begin(url.replace(/^ws/, 'http'), {
      agent: false,
      headers: {
        ...headers,
        ...{ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key },
      },
    })
    request.once('upgrade', (response, socket, head) => this.#open(response, socket, head, key))
    request.once('response', (response) => this.#lose(`it answered ${response.statusCode}`))
    request.on('error', (cause) => this.#lose('it can not be reached', cause))
    request.end()
    return request
  }

  #open(response: IncomingMessage, socket: Duplex, head: Buffer, key: string): void {
    socket.on('error', (cause) => this.#lose('it has died', cause))
    socket.once('close', () => this.#lose('it has died'))
    this.#socket = socket
    const accept = createHash('sha1').update(`${key}${MAGIC}`).digest('base64')
    if (response.headers['sec-websocket-accept'] !== accept) this.#lose('it is no WebSocket')
    if (this.#over) {
      socket.destroy()
      return
    }
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#listener.opened()
    if (head.length > 0) this.#read(head)
  }

  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk])
    while (!this.#over) {
      const frame = readFrame(this.#unread)
      if (frame === 'more') break
      if (frame === 'wrong') this.#lose('it breaks the rules')
      else {
        this.#unread = this.#unread.subarray(frame.bytes)
        this.#take(frame)
      }
    }
  }

  #take({ opcode, last, payload }: Frame): void {
    switch (opcode) {
      case OPCODE.ping:
        if ((this.#socket?.writableLength ?? 0) < MOST_UNSENT) this.#write(OPCODE.pong, payload)
        break
      case OPCODE.pong:
        break
      case OPCODE.close:
        this.#lose('it has ended')
        break
      case OPCODE.text:
      case OPCODE.more:
        if ((opcode === OPCODE.more) === this.#pieces.length > 0) this.#say(payload, last)
        else this.#lose('it breaks the rules')
        break
      default:
        this.#lose('it says what is no text')
    }
  }

  #say(piece: Buffer, last: boolean): void {
    this.#pieces.push(piece)
    this.#length += piece.length
    if (this.#length > LARGEST || this.#pieces.length > MOST_PIECES) this.#lose('it does not stop talking')
    else if (last) {
      this.#length = 0
      this.#listener.text(Buffer.concat(this.#pieces.splice(0)).toString())
    }
  }

  #write(opcode: number, payload: Buffer): void {
    this.#socket?.write(writeFrame(opcode, payload))
  }

  #lose(why: string, cause?: unknown): void {
    if (this.#over) return
    this.#end()
    this.#listener.lost(why, cause)
  }

  #end(): void {
    this.#over = true
    this.#pieces = []
    this.#socket?.destroy()
    this.#request?.destroy()
  }
}

interface Frame {
  opcode: number
  last: boolean
  payload: Buffer
  /** That it has taken. */
  bytes: number
}

/** RFC 6455 §5.2; a server masks nothing. */
function readFrame(from: Buffer): Frame | 'more' | 'wrong' {
  if (from.length < 2) return 'more'
  const short = from[1]! & 0x7f
  const header = short === 127 ? 10 : short === 126 ? 4 : 2
  if (from[0]! & 0x70 || from[1]! & 0x80) return 'wrong'
  if (from.length < header) return 'more'
  const length = short === 127 ? Number(from.readBigUInt64BE(2)) : short === 126 ? from.readUInt16BE(2) : short
  const last = (from[0]! & 0x80) !== 0
  const opcode = from[0]! & 0x0f
  if (opcode < 8 ? length > LARGEST : length > LARGEST_CONTROL || !last) return 'wrong'
  if (from.length < header + length) return 'more'
  const payload = from.subarray(header, header + length)
  return { opcode, last, payload, bytes: header + length }
}

/** RFC 6455 §5.3: a client masks all that it sends. */
function writeFrame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload
  const size = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const frame = Buffer.alloc(6 + size + length)
  frame[0] = 0x80 | opcode
  frame[1] = 0x80 | (size === 0 ? length : size === 2 ? 126 : 127)
  if (size === 2) frame.writeUInt16BE(length, 2)
  if (size === 8) frame.writeBigUInt64BE(BigInt(length), 2)
  const mask = randomBytes(4)
  mask.copy(frame, 2 + size)
  for (let i = 0; i < length; i++) frame[6 + size + i] = payload[i]! ^ mask[i & 3]!
  return frame
}
