import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { now } from '../clock.ts'
import { decode, encode } from './g711.ts'
import type { Pacer } from './pacer.ts'
import { Ear, type Heard, Tone } from './tone.ts'

const FRAME = 160
const KEYS = '0123456789*#ABCD'

export interface StreamReport {
  sent: number
  received: number
  firstReceivedAt: number | null
  lastReceivedAt: number | null
  /** The longest time without a packet between the first and the last. */
  largestGapMs: number
  /** Packets of the newest source that are missing between its first and its last (RFC 3550 §6.4.1). */
  missing: number
  /** Packets that came from elsewhere than the signalling said. */
  strangers: number
  /** RTP sources seen. */
  sources: number[]
  /** Digits received as telephone-events (RFC 4733), once a key press. */
  digits: string
  heard: { at: number; what: Heard }[]
}

/** One end of an RTP stream (RFC 3550): sends a tone every 20 ms, and hears what comes. */
export class Stream {
  readonly socket: Socket
  tone = new Tone(0)
  /** G.711 type to send, and the payload type of telephone-events that the far end expects. */
  payload: 0 | 8 = 0
  telephoneEvent = 101
  remote: { address: string; port: number } | null = null
  #ear: Ear
  #pacer: Pacer
  #leave: (() => void) | null = null
  #ssrc = randomBytes(4).readUInt32BE()
  #sequence = randomBytes(2).readUInt16BE()
  #timestamp = randomBytes(4).readUInt32BE()
  #events: { key: number; frames: number; duration: number; timestamp: number }[] = []
  #words: { pcm: Int16Array; at: number } | null = null
  #sent = 0
  #received = 0
  #firstAt: number | null = null
  #lastAt: number | null = null
  #gap = 0
  #numbers = { source: -1, first: 0, last: -1, count: 0 }
  #strangers = 0
  #sources = new Set<number>()
  #digits = ''
  #lastDigit = -1

  private constructor(socket: Socket, pacer: Pacer, watched: readonly number[]) {
    this.socket = socket
    this.#pacer = pacer
    this.#ear = new Ear(watched)
    socket.on('message', (packet, from) => this.#receive(packet, from.address, from.port))
    socket.on('error', () => {})
  }

  static async open(address: string, pacer: Pacer, watched: readonly number[]): Promise<Stream> {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(0, address, resolve)
    })
    return new Stream(socket, pacer, watched)
  }

  get port(): number {
    return this.socket.address().port
  }

  /** Starts to send, at first silence. */
  start(): void {
    this.#leave ??= this.#pacer.join(() => this.#send())
  }

  /** Queues key presses of 100 ms with 60 ms between them, as telephone-events. */
  press(digits: string): void {
    for (const digit of digits) this.#events.push({ key: KEYS.indexOf(digit), frames: 8, duration: 0, timestamp: 0 })
  }

  /** Says it instead of the tone, once. 8 kHz. */
  say(pcm: Int16Array): void {
    this.#words = { pcm, at: 0 }
  }

  close(): void {
    this.#leave?.()
    this.#leave = null
    try {
      this.socket.close()
    } catch {
      // Closed before.
    }
  }

  report(): StreamReport {
    return {
      sent: this.#sent,
      received: this.#received,
      firstReceivedAt: this.#firstAt,
      lastReceivedAt: this.#lastAt,
      largestGapMs: this.#gap,
      missing: this.#numbers.last - this.#numbers.first + 1 - this.#numbers.count,
      strangers: this.#strangers,
      sources: [...this.#sources],
      digits: this.#digits,
      heard: this.#ear.heard,
    }
  }

  #send(): void {
    this.#timestamp = (this.#timestamp + FRAME) >>> 0
    const samples = this.#saying() ?? this.tone.next(FRAME)
    const event = this.#events[0]
    if (!event) {
      this.#packet(this.payload, this.#timestamp, this.#sent === 0, encode(samples, this.payload))
      return
    }
    if (event.frames === 8) event.timestamp = this.#timestamp
    event.frames--
    if (event.frames >= 3) {
      event.duration += FRAME
      this.#event(event, false)
    } else if (event.frames === 2) {
      // The end is said three times, because it must not be lost (RFC 4733 §2.5.1.4).
      for (let i = 0; i < 3; i++) this.#event(event, true)
    } else if (event.frames < 0) this.#events.shift()
  }

  #saying(): Int16Array | null {
    if (!this.#words) return null
    const { pcm, at } = this.#words
    const frame = new Int16Array(FRAME)
    frame.set(pcm.subarray(at, at + FRAME))
    this.#words.at += FRAME
    if (this.#words.at >= pcm.length) this.#words = null
    return frame
  }

  #event(event: { key: number; duration: number; timestamp: number }, end: boolean): void {
    const body = Buffer.from([event.key, (end ? 0x80 : 0) | 10, event.duration >> 8, event.duration & 0xff])
    this.#packet(this.telephoneEvent, event.timestamp, event.duration === FRAME, body)
  }

  #packet(type: number, timestamp: number, marker: boolean, body: Buffer): void {
    if (!this.remote?.port) return
    const head = Buffer.alloc(12)
    head[0] = 0x80
    head[1] = type | (marker ? 0x80 : 0)
    head.writeUInt16BE(this.#sequence, 2)
    head.writeUInt32BE(timestamp, 4)
    head.writeUInt32BE(this.#ssrc, 8)
    this.#sequence = (this.#sequence + 1) & 0xffff
    this.#sent++
    this.socket.send(Buffer.concat([head, body]), this.remote.port, this.remote.address)
  }

  #receive(packet: Buffer, address: string, port: number): void {
    if (packet.length < 12 || packet[0]! >> 6 !== 2) return
    const at = now()
    if (this.remote && (this.remote.address !== address || this.remote.port !== port)) this.#strangers++
    if (this.#lastAt !== null) this.#gap = Math.max(this.#gap, at - this.#lastAt)
    this.#firstAt ??= at
    this.#lastAt = at
    this.#received++
    this.#sources.add(packet.readUInt32BE(8))
    this.#count(packet.readUInt32BE(8), packet.readUInt16BE(2))
    const type = packet[1]! & 0x7f
    const body = packet.subarray(12 + 4 * (packet[0]! & 0x0f))
    if (type === 0 || type === 8) this.#ear.listen(decode(body, type), at)
    else if (body.length >= 4 && packet.readUInt32BE(4) !== this.#lastDigit) {
      this.#lastDigit = packet.readUInt32BE(4)
      this.#digits += KEYS[body[0]!] ?? ''
    }
  }

  #count(source: number, sequence: number): void {
    const numbers = this.#numbers
    if (source !== numbers.source) {
      this.#numbers = { source, first: sequence, last: sequence, count: 1 }
      return
    }
    // The step from the last one, in 16 bits with its sign.
    const last = numbers.last + (((sequence - numbers.last) << 16) >> 16)
    numbers.last = Math.max(numbers.last, last)
    numbers.count++
  }
}
