import { type ChildProcess, spawn } from 'node:child_process'
import dgram from 'node:dgram'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

type Bencoded = string | number | Bencoded[] | { [key: string]: Bencoded }

export function bencode(value: Bencoded): string {
  if (typeof value === 'string') return `${Buffer.byteLength(value)}:${value}`
  if (typeof value === 'number') return `i${value}e`
  if (Array.isArray(value)) return `l${value.map(bencode).join('')}e`
  const keys = Object.keys(value).sort()
  return `d${keys.map((key) => bencode(key) + bencode(value[key]!)).join('')}e`
}

export function bdecode(bytes: Buffer): Bencoded {
  let at = 0
  const until = (end: string) => {
    const stop = bytes.indexOf(end, at)
    const text = bytes.toString('latin1', at, stop)
    at = stop + 1
    return text
  }
  const read = (): Bencoded => {
    const type = String.fromCharCode(bytes[at]!)
    if (type === 'i') {
      at++
      return Number(until('e'))
    }
    if (type === 'l' || type === 'd') {
      at++
      const items: Bencoded[] = []
      while (bytes[at] !== 0x65) items.push(read())
      at++
      if (type === 'l') return items
      return Object.fromEntries(items.flatMap((key, i) => (i % 2 ? [] : [[key as string, items[i + 1]!]])))
    }
    const length = Number(until(':'))
    at += length
    return bytes.toString('utf8', at - length, at)
  }
  return read()
}

function sdp(port: number): string {
  const lines = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    `m=audio ${port} RTP/AVP 0`,
    'a=sendrecv',
    '',
  ]
  return lines.join('\r\n')
}

function portOf(text: string): number {
  return Number(/^m=audio (\d+)/m.exec(text)?.[1])
}

/** Debian's rtpengine in user space, on loopback, controlled over its ng protocol (bencode over UDP). */
export class Rtpengine implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #socket: dgram.Socket
  readonly #directory: string
  readonly #port: number
  readonly #waiting = new Map<string, (answer: Record<string, Bencoded>) => void>()
  #cookies = 0

  private constructor(port: number, socket: dgram.Socket, rtp: { first: number; last: number }) {
    this.#port = port
    this.#socket = socket
    this.#directory = mkdtempSync(join(tmpdir(), 'rtpengine-'))
    const args = [
      ...['--foreground', '--table=-1', '--interface=127.0.0.1', '--log-level=1', '--log-stderr', '--config-file=none'],
      ...[`--listen-ng=127.0.0.1:${port}`, `--listen-cli=127.0.0.1:${port + 1}`, `--pidfile=${join(this.#directory, 'pid')}`],
      ...[`--port-min=${rtp.first}`, `--port-max=${rtp.last}`],
    ]
    this.#child = spawn('rtpengine', args, { stdio: 'ignore' })
    this.#child.on('error', () => {})
    socket.on('message', (bytes) => {
      const space = bytes.indexOf(' ')
      const answer = bdecode(bytes.subarray(space + 1)) as Record<string, Bencoded>
      this.#waiting.get(bytes.toString('latin1', 0, space))?.(answer)
    })
  }

  /** Starts it; rejects when it does not answer within 5 s. */
  static async start(port: number, rtp: { first: number; last: number }): Promise<Rtpengine> {
    const socket = dgram.createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    const engine = new Rtpengine(port, socket, rtp)
    try {
      await engine.#ask({ command: 'ping' })
      return engine
    } catch (error) {
      await engine[Symbol.asyncDispose]()
      throw error
    }
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** Makes a relay between two far ends; answers with the ports that each sends to. */
  async relay(call: string, a: number, b: number): Promise<[number, number]> {
    const tags = { 'call-id': call, 'from-tag': `${call}a` }
    const offer = await this.#ask({ command: 'offer', ...tags, sdp: sdp(a) })
    const answer = await this.#ask({ command: 'answer', ...tags, 'to-tag': `${call}b`, sdp: sdp(b) })
    return [portOf(answer.sdp as string), portOf(offer.sdp as string)]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, pid } = this.#child
    if (pid !== undefined && exitCode === null) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve))
      this.#child.kill('SIGTERM')
      const killer = setTimeout(() => this.#child.kill('SIGKILL'), 3000)
      await ended
      clearTimeout(killer)
    }
    this.#socket.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** Sends a command, again every 250 ms until it is answered, for 5 s. */
  #ask(command: Record<string, Bencoded>): Promise<Record<string, Bencoded>> {
    const cookie = `c${++this.#cookies}`
    const message = `${cookie} ${bencode(command)}`
    return new Promise((resolve, reject) => {
      const send = () => this.#socket.send(message, this.#port, '127.0.0.1')
      const again = setInterval(send, 250)
      const end = (settle: () => void) => {
        clearInterval(again)
        clearTimeout(limit)
        this.#waiting.delete(cookie)
        settle()
      }
      const limit = setTimeout(() => end(() => reject(new Error('rtpengine does not answer'))), 5000)
      this.#waiting.set(cookie, (answer) =>
        end(() => (answer.result === 'error' ? reject(new Error(String(answer['error-reason']))) : resolve(answer))),
      )
      send()
    })
  }
}
