import dgram from 'node:dgram'
import type { EndpointDescription } from '#platform/words/index.ts'
import { amplitudeAt, type CodecName, codecOf, heardTone, LONGEST_DECODED, toneCycle } from '#protocol/audio/index.ts'
import { RtpReader, writeRtpHeader } from '#protocol/rtp/index.ts'

export interface Heard {
  payloadType: number
  sequence: number
  timestamp: number
  ssrc: number
  marker: boolean
  payload: Uint8Array
  from: { address: string; port: number }
  /** Monotonic, ms. */
  at: number
}

const PAYLOAD_TYPES: Record<CodecName, number> = { PCMU: 0, PCMA: 8, G722: 9, opus: 111, 'L16/8000': 112, 'L16/16000': 113 }

/** A far end that speaks RTP: sends a tone, keeps what it hears, and misbehaves on order. */
export class Phone implements AsyncDisposable {
  readonly codec: CodecName
  /** As the far end has announced it. */
  readonly payloadType: number
  /** As it is wanted from it, where that is another one (RFC 3264 §5.1). */
  sendType: number
  readonly heard: Heard[] = []
  ssrc = 0x1000
  sequence = 100
  timestamp = 5000
  readonly #socket: dgram.Socket
  readonly #others: dgram.Socket[] = []
  #to: { address: string; port: number } | null = null
  #timer: NodeJS.Timeout | undefined
  #closed = false

  private constructor(socket: dgram.Socket, codec: CodecName) {
    this.#socket = socket
    this.codec = codec
    this.payloadType = PAYLOAD_TYPES[codec]
    this.sendType = this.payloadType
    socket.on('message', (bytes, from) => this.#hear(bytes, from))
  }

  static async open(options: { address?: string; codec?: CodecName; port?: number } = {}): Promise<Phone> {
    return new Phone(await bound(options.address ?? '127.0.0.1', options.port), options.codec ?? 'PCMU')
  }

  get local(): { address: string; port: number } {
    return this.#socket.address()
  }

  /** What signalling would say of this phone. `ours` is what voice has announced. */
  description(over: Partial<EndpointDescription> & { ptimeMs?: number; events?: number | null } = {}): EndpointDescription {
    const { ptimeMs = 20, events = 101, ...rest } = over
    const format = {
      codec: this.codec,
      payloadType: this.payloadType,
      ptimeMs,
      ...(events === null ? {} : { telephoneEvent: events }),
    }
    return { transport: 'rtp', remote: this.local, send: format, receive: format, direction: 'sendrecv', ...rest }
  }

  towards(to: { address: string; port: number }): this {
    this.#to = to
    return this
  }

  /** Sends one packet of sound; `from` another socket where given. */
  packet(
    payload: Uint8Array,
    fields: { payloadType?: number; timestamp?: number; marker?: boolean; from?: dgram.Socket } = {},
  ): void {
    const bytes = new Uint8Array(12 + payload.length)
    const timestamp = fields.timestamp ?? this.timestamp
    writeRtpHeader(bytes, fields.marker ?? false, fields.payloadType ?? this.sendType, this.sequence, timestamp >>> 0, this.ssrc)
    bytes.set(payload, 12)
    this.sequence = (this.sequence + 1) & 0xffff
    this.raw(bytes, fields.from)
  }

  raw(bytes: Uint8Array, from = this.#socket): void {
    if (this.#to) from.send(bytes, this.#to.port, this.#to.address)
  }

  /** Speaks a tone until `quiet`. `ptimeMs` of sound in each packet; `as` another codec than its own, or from another socket. */
  speak(hz: number, ptimeMs = 20, as: { codec?: CodecName; type?: number; from?: dgram.Socket } = {}): void {
    this.quiet()
    const samples = ptimeMs * 8
    const codec = codecOf(as.codec ?? this.codec)
    const encoder = codec.encoder(8000)
    const cycle = toneCycle([{ frequencies: [hz], onMs: 1000, offMs: 0 }])
    const pcm = new Int16Array(samples)
    const into = new Uint8Array(2000)
    const fields = { ...(as.from ? { from: as.from } : {}), ...(as.type === undefined ? {} : { payloadType: as.type }) }
    let at = 0
    const start = performance.now()
    let sent = 0
    this.#timer = setInterval(() => {
      while (sent * ptimeMs <= performance.now() - start) {
        for (let i = 0; i < samples; i++) pcm[i] = cycle[(at + i) % cycle.length]!
        this.packet(into.slice(0, encoder.encode(pcm, samples, into, 0)), { marker: sent === 0, ...fields })
        at += samples
        this.timestamp = (this.timestamp + (ptimeMs * codec.clockRate) / 1000) >>> 0
        sent++
      }
    }, 5)
  }

  /** Says this once, 20 ms in each packet, from now on; resolves at its end. */
  async say(pcm: Int16Array): Promise<void> {
    this.quiet()
    const codec = codecOf(this.codec)
    const encoder = codec.encoder(8000)
    const into = new Uint8Array(2000)
    const start = performance.now()
    for (let at = 0; at + 160 <= pcm.length; at += 160) {
      while (performance.now() < start + at / 8) await pause(2)
      this.packet(into.slice(0, encoder.encode(pcm.subarray(at, at + 160), 160, into, 0)), { marker: at === 0 })
      this.timestamp = (this.timestamp + (20 * codec.clockRate) / 1000) >>> 0
    }
  }

  quiet(): void {
    clearInterval(this.#timer)
  }

  /** Presses a key as RFC 4733 says, as fast as packets can be sent; the timestamps are right. */
  press(key: string, payloadType = 101, ms = 100, clockRate: number = codecOf(this.codec).clockRate): void {
    const event = '0123456789*#ABCD'.indexOf(key)
    const step = clockRate / 50
    const total = (ms * step) / 20
    for (let duration = step; ; duration += step) {
      const end = duration >= total
      for (let i = 0; i < (end ? 3 : 1); i++) {
        this.packet(eventPayload(event, end, Math.min(duration, total)), { payloadType, marker: duration === step })
      }
      if (end) break
    }
    this.timestamp = (this.timestamp + total + 3 * step) >>> 0
  }

  /** Another socket of the same or another host. */
  async another(address = this.local.address): Promise<dgram.Socket> {
    const socket = await bound(address)
    socket.on('message', (bytes, from) => this.#hear(bytes, from))
    this.#others.push(socket)
    return socket
  }

  /** The sound that came, from packet `from` on, without gaps. */
  sound(from = 0): Int16Array {
    const packets = this.heard.slice(from).filter(({ payloadType }) => payloadType === this.payloadType)
    const decoder = codecOf(this.codec).decoder(8000)
    const into = new Int16Array(LONGEST_DECODED)
    return Int16Array.from(
      packets.flatMap(({ payload }) => [...into.subarray(0, decoder.decode(payload, 0, payload.length, into))]),
    )
  }

  /** The tone in the last `ms` of what came. */
  tone(candidates: readonly number[], ms = 200): number | null {
    const sound = this.sound()
    return sound.length < ms * 8 ? null : heardTone(sound.subarray(-ms * 8), candidates)
  }

  /** How strong a tone is in the last 200 ms. */
  strength(hz: number): number {
    return amplitudeAt(this.sound().subarray(-1600), hz)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.quiet()
    if (this.#closed) return
    this.#closed = true
    await Promise.all([this.#socket, ...this.#others].map((socket) => new Promise<void>((done) => socket.close(() => done()))))
  }

  #hear(bytes: Uint8Array, from: { address: string; port: number }): void {
    const reader = new RtpReader()
    if (!reader.read(bytes, bytes.length)) return
    const { payloadType, sequence, timestamp, ssrc, marker, payloadStart, payloadLength } = reader
    const payload = bytes.slice(payloadStart, payloadStart + payloadLength)
    this.heard.push({ payloadType, sequence, timestamp, ssrc, marker, payload, from, at: performance.now() })
  }
}

export function eventPayload(event: number, end: boolean, duration: number): Uint8Array {
  return Uint8Array.of(event, (end ? 0x80 : 0) | 10, duration >> 8, duration & 0xff)
}

async function bound(address: string, port = 0): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4')
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ address, port }, resolve)
  })
  return socket
}

/** Waits until something holds; fails after `ms`. */
export async function until(what: string, holds: () => boolean, ms = 5000): Promise<void> {
  const deadline = performance.now() + ms
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`never came true: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
