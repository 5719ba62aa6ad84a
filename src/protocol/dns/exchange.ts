import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import type { Clock } from '#lib/index.ts'

export interface ExchangeHow {
  /** Address of the name server; its port is 53. */
  server: string
  over: 'udp' | 'tcp'
  timeoutMs: number
  /** Whether this message is what was asked for; what is not, is passed over. */
  isAnswer(bytes: Uint8Array): boolean
}

/** Sends a query and resolves with its answer; null where none came in time, or none can. */
export type Exchange = (query: Uint8Array, how: ExchangeHow) => Promise<Uint8Array | null>

const PORT = 53

/** Exchanges with name servers by sockets of this process, each with a random port (RFC 5452 §9.2). */
export function socketExchange(clock: Clock): Exchange {
  return (query, how) => (how.over === 'udp' ? byUdp(clock, query, how) : byTcp(clock, query, how))
}

function byUdp(clock: Clock, query: Uint8Array, { server, timeoutMs, isAnswer }: ExchangeHow): Promise<Uint8Array | null> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4')
    const end = (answer: Uint8Array | null) => {
      timer.cancel()
      socket.removeAllListeners()
      socket.on('error', () => {})
      socket.close()
      resolve(answer)
    }
    const timer = clock.after(timeoutMs, () => end(null))
    // That nobody listens there, a connected socket is told.
    socket.once('error', () => end(null))
    socket.on('message', (bytes) => {
      if (isAnswer(bytes)) end(bytes)
    })
    // Connected, it hears the server and nobody else.
    socket.connect(PORT, server, () => socket.send(query))
  })
}

function byTcp(clock: Clock, query: Uint8Array, { server, timeoutMs, isAnswer }: ExchangeHow): Promise<Uint8Array | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: server, port: PORT })
    let received = Buffer.alloc(0)
    const end = (answer: Uint8Array | null) => {
      timer.cancel()
      socket.destroy()
      resolve(answer)
    }
    const timer = clock.after(timeoutMs, () => end(null))
    socket.on('error', () => end(null))
    socket.on('close', () => end(null))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      const length = received.length < 2 ? Number.POSITIVE_INFINITY : received.readUInt16BE(0)
      if (received.length < 2 + length) return
      const message = received.subarray(2, 2 + length)
      end(isAnswer(message) ? message : null)
    })
    // RFC 1035 §4.2.2: the length in front, in the same segment (RFC 7766 §8).
    const head = Buffer.alloc(2)
    head.writeUInt16BE(query.length)
    socket.write(Buffer.concat([head, query]))
  })
}
