import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'

const SAID = 'conversation.item.input_audio_transcription'

export interface RealtimeOptions {
  /** What it understands, whatever is said: a word for each 200 ms of sound, and whole at the end. */
  text: string
  /** What happens to it; `within` is once it has heard something. */
  fault?: string
  /** Said before the end, in any case. */
  says?: unknown[]
  /** Sent as it is behind the handshake, instead of all else; nothing is read before `hears` resolves. */
  raw?: { bytes: Buffer; times: number; hears?: Promise<unknown> }
  address?: string
  port?: number
}

export interface RealtimeServer extends Disposable {
  /** Where its API begins. */
  readonly url: string
  /** Connections that it has. */
  readonly open: number
  /** What it was told, all but the sound. */
  readonly told: { type?: string; session?: unknown }[]
  /** Bytes that it was sent, where `raw` is. */
  readonly bytes: number
  /** Samples that it has heard, at 24 kHz, in all. */
  readonly samples: number
}

/** The office's own speech server that understands while somebody speaks, as OpenAI's does over a WebSocket. */
export async function startRealtimeServer(options: RealtimeOptions): Promise<RealtimeServer> {
  const open = new Set<Duplex>()
  const told: RealtimeServer['told'] = []
  let samples = 0
  let bytes = 0
  const server = createServer((_request, response) => response.writeHead(404).end())
  server.on('connection', (socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.once('end', () => socket.end())
    socket.once('close', () => open.delete(socket))
  })
  server.on('upgrade', (request, socket: Duplex) => {
    const { fault } = options
    if (fault === 'hangs') return
    if (fault === 'dies') socket.destroy()
    if (fault === 'refuses') socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n')
    if (fault === 'dies' || fault === 'refuses') return
    const key = request.headers['sec-websocket-key']
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    const wrong = fault === 'wrong type' ? 'x' : accept
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${wrong}\r\n\r\n`,
    )
    if (options.raw) {
      void babble(socket, options.raw, (count) => (bytes += count))
      return
    }
    converse(socket, options, (event) => {
      if (event.audio) samples += Buffer.from(event.audio, 'base64').length / 2
      else told.push(event)
    })
  })
  server.listen(options.port ?? 0, options.address ?? '127.0.0.1')
  await once(server, 'listening')
  const { address, port } = server.address() as AddressInfo
  return {
    url: `http://${address}:${port}/v1`,
    get open() {
      return open.size
    },
    told,
    get bytes() {
      return bytes
    },
    get samples() {
      return samples
    },
    [Symbol.dispose]() {
      for (const socket of open) socket.destroy()
      server.close()
    },
  }
}

async function babble(socket: Duplex, raw: NonNullable<RealtimeOptions['raw']>, heard: (bytes: number) => void): Promise<void> {
  if (!raw.hears) socket.resume()
  for (let i = 0; i < raw.times && socket.writable; i++)
    if (!socket.write(raw.bytes)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
  await raw.hears
  socket.on('data', ({ length }) => heard(length))
}

interface Heard {
  type?: string
  audio?: string
  session?: unknown
}

function converse(socket: Duplex, { text, fault, says = [] }: RealtimeOptions, hear: (event: Heard) => void): void {
  const words = text.split(/(?= )/)
  let samples = 0
  let told = 0
  const say = (event: unknown) => socket.writable && socket.write(frame(JSON.stringify(event)))
  const item = { item_id: 'item_1' }
  // Also where nobody looks at it: else its end is not seen.
  socket.resume()
  say({ type: 'session.created', session: {} })
  if (fault === 'endless') {
    const more = () => {
      while (!socket.destroyed && say({ type: `${SAID}.delta`, ...item, delta: 'and '.repeat(1000) }));
    }
    socket.on('drain', more)
    more()
    return
  }
  if (fault === 'trickles') {
    const timer = setInterval(() => say({ type: 'session.updated' }), 50)
    socket.once('close', () => clearInterval(timer))
    return
  }
  if (fault === 'garbage') {
    socket.write(frame('{"type"'))
    return
  }
  readFrames(socket, (message) => {
    const event = JSON.parse(message) as Heard
    hear(event)
    if (event.audio) {
      samples += Buffer.from(event.audio, 'base64').length / 2
      if (fault === 'dies within') socket.destroy()
      if (fault === 'dies within' || fault === 'hangs within') return
      // All but the last are known before the end.
      for (; told < Math.min(samples / 4800 - 1, words.length - 1); told++)
        say({ type: `${SAID}.delta`, ...item, delta: words[told] })
    }
    if (event.type !== 'input_audio_buffer.commit' || fault === 'hangs within') return
    if (fault === 'empty') {
      socket.write(Buffer.from([0x88, 0]))
      return
    }
    for (const one of says) say(one)
    say({ type: 'input_audio_buffer.committed', ...item })
    say({ type: `${SAID}.completed`, ...item, transcript: text })
  })
}

/** Texts of a client, which masks them (RFC 6455 §5.2). */
function readFrames(socket: Duplex, take: (message: string) => void): void {
  let unread = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk])
    for (;;) {
      if (unread.length < 2) return
      const short = unread[1]! & 0x7f
      const header = 4 + (short === 127 ? 10 : short === 126 ? 4 : 2)
      if (unread.length < header) return
      const length = short === 127 ? Number(unread.readBigUInt64BE(2)) : short === 126 ? unread.readUInt16BE(2) : short
      if (unread.length < header + length) return
      const mask = unread.subarray(header - 4, header)
      const payload = Buffer.from(unread.subarray(header, header + length)).map((byte, i) => byte ^ mask[i & 3]!)
      const opcode = unread[0]! & 0x0f
      unread = unread.subarray(header + length)
      if (opcode === 8) socket.end()
      if (opcode === 1) take(payload.toString())
    }
  })
}

function frame(text: string): Buffer {
  const payload = Buffer.from(text)
  const { length } = payload
  const head = length < 126 ? Buffer.from([0x81, length]) : Buffer.from([0x81, 126, length >> 8, length & 0xff])
  return Buffer.concat([head, payload])
}
