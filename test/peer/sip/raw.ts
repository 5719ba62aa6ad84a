import { createSocket, type Socket } from 'node:dgram'
import { sleep } from '../clock.ts'

type Place = { address: string; port: number }

/** A UDP socket that says whatever it is told, and keeps what it hears: for who does not keep to the rules. */
export class RawEnd implements AsyncDisposable {
  readonly heard: string[] = []
  readonly #socket: Socket

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('message', (bytes) => void this.heard.push(String(bytes)))
  }

  static async open(address: string): Promise<RawEnd> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(0, address, resolve)
    })
    return new RawEnd(socket)
  }

  get at(): Place {
    return this.#socket.address()
  }

  send(text: string | Uint8Array, to: Place): void {
    this.#socket.send(text, to.port, to.address)
  }

  /** The status of the first final answer within `ms`; null when there is none. */
  async ask(text: string, to: Place, ms = 300): Promise<number | null> {
    const before = this.heard.length
    this.send(text, to)
    for (let waited = 0; waited < ms; waited += 10) {
      const answers = this.heard.slice(before).map((message) => Number(/^SIP\/2\.0 (\d{3})/.exec(message)?.[1]))
      const final = answers.find((status) => status >= 200)
      if (final !== undefined) return final
      await sleep(10)
    }
    return null
  }

  /** Sends `perSecond` messages a second for `ms`, each made by `make` from its number; gives how many left. */
  async flood(make: (n: number) => string | Uint8Array, to: Place, perSecond: number, ms: number): Promise<number> {
    const begin = performance.now()
    let sent = 0
    for (;;) {
      const elapsed = performance.now() - begin
      const due = Math.floor((Math.min(elapsed, ms) * perSecond) / 1000)
      while (sent < due) this.send(make(sent++), to)
      if (elapsed >= ms) return sent
      await sleep(2)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(resolve))
  }
}

/** A request with the headers that each must have. `dialog` puts it inside one. */
export function rawRequest(
  method: string,
  about: { from: Place; to: Place; user: string; n: number | string; dialog?: { callId: string; from: string; to: string } },
): string {
  const { from, to, user, n, dialog } = about
  return [
    `${method} sip:${user}@${to.address}:${to.port} SIP/2.0`,
    `Via: SIP/2.0/UDP ${from.address}:${from.port};rport;branch=z9hG4bK-${method}-${n}`,
    'Max-Forwards: 70',
    `From: ${dialog?.from ?? `<sip:raw@${from.address}>;tag=${n}`}`,
    `To: ${dialog?.to ?? `<sip:${user}@${to.address}>`}`,
    `Call-ID: ${dialog?.callId ?? `raw-${n}@${from.address}`}`,
    `CSeq: ${dialog ? 900 : 1} ${method}`,
    `Contact: <sip:raw@${from.address}:${from.port}>`,
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n')
}
