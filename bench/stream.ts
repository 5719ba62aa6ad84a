import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { join } from 'node:path'
import { newId } from '#lib/index.ts'
import { LINKS } from '#platform/words/index.ts'
import { CallStream } from '../sdk/src/stream.ts'
import { addressOf, VoiceProcess } from '../test/interop/voice-process.ts'
import type { Figure } from './figure.ts'
import { cpuMs } from './process.ts'
import { description } from './relay.ts'

/** Calls at once, each with an agent that says again what it hears. */
const CALLS = 20
const TURN_MS = 15_000
const PORTS = { first: 25_100, last: 25_999 }
const FRAME_MS = 20
/** The far ends send in so many turns within a frame. */
const TURNS = 4
/** One frame in so many is loud, so that it is known again when it comes back. */
const LOUD_EVERY = 50

const LOUD = 0x80
const QUIET = 0xff

/** A far end that sends PCMU by the clock, and knows when its loud frames come back. */
class FarEnd implements Disposable {
  readonly socket: dgram.Socket
  readonly roundTrips: number[] = []
  received = 0
  readonly #packet = Buffer.alloc(172, QUIET)
  #sequence = 0
  #loudAt = 0

  private constructor(socket: dgram.Socket) {
    this.socket = socket
    this.#packet.writeUInt16BE(0x8000, 0)
    this.#packet.writeUInt32BE(socket.address().port, 8)
    socket.on('message', (bytes) => {
      if (bytes.length !== 172) return
      this.received++
      if (this.#loudAt === 0 || !bytes.subarray(12).some((byte) => byte === LOUD || byte === LOUD + 1)) return
      this.roundTrips.push(performance.now() - this.#loudAt)
      this.#loudAt = 0
    })
  }

  static async open(): Promise<FarEnd> {
    const socket = dgram.createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new FarEnd(socket)
  }

  send(port: number): void {
    const loud = ++this.#sequence % LOUD_EVERY === 0
    this.#packet.writeUInt16BE(this.#sequence & 0xffff, 2)
    this.#packet.writeUInt32BE(this.#sequence * 160, 4)
    this.#packet.fill(loud ? LOUD : QUIET, 12)
    if (loud) this.#loudAt = performance.now()
    this.socket.send(this.#packet, port, addressOf('node'))
  }

  [Symbol.dispose](): void {
    this.socket.close()
  }
}

async function echo(stream: CallStream): Promise<void> {
  for await (const frame of stream) void stream.write(frame).catch(() => {})
}

/** How long a caller waits to hear itself through an agent that answers at once, and what a stream costs. */
export async function measure(): Promise<Figure[]> {
  await using voice = await VoiceProcess.start(PORTS)
  using stack = new DisposableStack()
  const gone = new AbortController()
  const ends: { end: FarEnd; port: number }[] = []
  for (let i = 0; i < CALLS; i++) {
    const end = stack.use(await FarEnd.open())
    const endpoint = newId('med')
    const { port } = await voice.call('endpoint.open', { call: newId('call'), endpoint, realm: 'node' })
    await voice.call('endpoint.describe', { endpoint, description: description(end.socket.address().port) })
    const verb = newId('verb')
    const uid = process.getuid!()
    void voice.call('stream', { endpoint, verb, rateHz: 8000, hear: true, live: true, uid }).catch(() => {})
    const { token } = await voice.call('stream.ticket', { verb })
    const stream = new CallStream(net.connect(join(voice.directory, LINKS.audio(0))), { token, rateHz: 8000 }, gone.signal)
    await stream.ready
    void echo(stream).catch(() => {})
    stack.defer(() => stream.close())
    ends.push({ end, port })
  }
  const before = cpuMs([voice.pid])
  const began = performance.now()
  for (let turn = 0; turn < (TURN_MS / FRAME_MS) * TURNS; turn++) {
    const due = began + (turn * FRAME_MS) / TURNS
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())))
    for (let i = turn % TURNS; i < ends.length; i += TURNS) ends[i]!.end.send(ends[i]!.port)
  }
  const cpu = (cpuMs([voice.pid]) - before) / (CALLS * (TURN_MS / 1000))
  const trips = ends.flatMap(({ end }) => end.roundTrips).sort((a, b) => a - b)
  const received = ends.reduce((sum, { end }) => sum + end.received, 0)
  const figure = { must: null, aim: null, peer: null, better: 'lower' } as const
  return [
    { ...figure, name: `echo by an agent, ${CALLS} calls, p50`, value: trips[trips.length >> 1] ?? Number.NaN, unit: 'ms' },
    {
      ...figure,
      name: `echo by an agent, ${CALLS} calls, p99`,
      value: trips[Math.floor(trips.length * 0.99)] ?? Number.NaN,
      unit: 'ms',
    },
    { ...figure, name: 'stream, CPU of voice a stream-second', value: cpu, unit: 'ms' },
    {
      ...figure,
      name: 'stream, frames that did not come back',
      value: Math.max(0, 1 - received / (CALLS * (TURN_MS / FRAME_MS))) * 100,
      unit: '%',
    },
  ]
}
