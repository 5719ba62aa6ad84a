import type { Duplex } from 'node:stream'
import { FRAME, FrameReader, samplesOf, writeFrame, writeNumber, writeSamples } from '#protocol/stream/index.ts'
import { CallGone, Interrupted, InvalidArgument } from './error.ts'

/** Frames that are kept for a program that doesn't take them: one second; then the oldest go. */
const KEPT = 50

/** Samples of one frame of sound to the call. */
const PIECE = 8000

/** Why a stream ended: closed by the program, the call is over, or it broke. */
export type StreamEnd = 'closed' | 'call-gone' | 'interrupted'

/**
 * Sound between a call and the program: iterate it to hear the caller, in frames of 20 ms; `write` to speak. All sound is
 * signed linear PCM of 16 bits at `rate` samples a second. A slow program never holds the call up: it loses frames.
 */
export class CallStream implements AsyncDisposable {
  /** Samples a second, both ways. */
  readonly rate: number
  /** Resolves with the reason when it is over; never rejects. */
  readonly closed: Promise<StreamEnd>
  /** @internal */
  readonly ready: Promise<void>
  readonly #socket: Duplex
  readonly #call: AbortSignal
  readonly #reader = new FrameReader()
  readonly #heard: Int16Array[] = []
  readonly #marks = new Map<number, (end: 'played' | 'cleared' | 'over') => void>()
  /** What was written and has no credit yet. */
  #unsent: { samples: Int16Array; resolve(): void; reject(error: unknown): void }[] = []
  #clears = 0
  #numbers = 0
  #window = 0
  #sent = 0
  #gone = 0
  #lostThere = 0
  #lostHere = 0
  #listener: (() => void) | null = null
  #end: StreamEnd | null = null
  readonly #settleClosed: (end: StreamEnd) => void
  readonly #settleReady: { resolve(): void; reject(error: unknown): void }

  /** @internal Made by `call.stream`. */
  constructor(socket: Duplex, { token, rateHz }: { token: string; rateHz: number }, call: AbortSignal) {
    this.#socket = socket
    this.#call = call
    this.rate = rateHz
    const closed = Promise.withResolvers<StreamEnd>()
    const ready = Promise.withResolvers<void>()
    this.closed = closed.promise
    this.ready = ready.promise
    this.#settleClosed = closed.resolve
    this.#settleReady = ready
    socket.on('error', () => {})
    socket.once('close', () => this.#over(this.#callIsOver ? 'call-gone' : 'interrupted'))
    socket.on('data', (chunk: Buffer) => {
      if (!this.#reader.push(chunk, (type, payload) => this.#take(type, payload))) socket.destroy()
    })
    call.addEventListener('abort', this.#onCallOver, { once: true })
    socket.write(writeFrame(FRAME.hello, Buffer.from(token)))
  }

  /** Frames that the program was too slow to take. */
  get dropped(): number {
    return this.#lostThere + this.#lostHere
  }

  /** Ms that were written and not heard yet, as known from what voice tells every 100 ms: how far a live program is behind. */
  get queuedMs(): number {
    const unsent = this.#unsent.reduce((sum, { samples }) => sum + samples.length, 0)
    return ((((this.#sent - this.#gone) >>> 0) + unsent) * 1000) / this.rate
  }

  /** Whether it is still open. */
  get open(): boolean {
    return this.#end === null
  }

  /**
   * Says something to the caller, behind what was written before. Resolves when it is on its way, which is up to two seconds
   * before it is heard: await it, and nothing piles up. Rejects with CallGone or Interrupted when the stream ends first.
   */
  write(sound: Int16Array | Uint8Array): Promise<void> {
    if (this.#end) return Promise.reject(this.#error())
    const samples = sound instanceof Int16Array ? sound : samplesOf(sound)
    if (samples.length === 0) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#unsent.push({ samples, resolve, reject })
      this.#send()
    })
  }

  /** Drops at once what was written and not heard yet: the caller has begun to speak. */
  clear(): void {
    if (this.#end) return
    this.#clears++
    for (const { resolve } of this.#unsent.splice(0)) resolve()
    this.#socket.write(writeFrame(FRAME.clear))
  }

  /** Resolves when all that was written before has been heard, or was cleared. Rejects as `write` does. */
  async mark(): Promise<'played' | 'cleared'> {
    const clears = this.#clears
    if (this.#unsent.length > 0) {
      await new Promise<void>((resolve, reject) => this.#unsent.push({ samples: NONE, resolve, reject }))
    }
    if (this.#end) throw this.#error()
    if (clears !== this.#clears) return 'cleared'
    const number = ++this.#numbers
    const reached = new Promise<'played' | 'cleared' | 'over'>((resolve) => {
      this.#marks.set(number, resolve)
      void this.closed.then(() => resolve('over'))
    })
    this.#socket.write(writeNumber(FRAME.mark, number))
    const end = await reached
    if (end === 'over') throw this.#error()
    return end
  }

  /** Ends it, with what is still to be heard. Idempotent; the call goes on. */
  close(): void {
    if (this.#end) return
    this.#socket.write(writeFrame(FRAME.close))
    this.#over('closed')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  /** What the caller says. Ends with the stream; throws Interrupted where it broke while the call goes on. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Int16Array, void, undefined> {
    while (true) {
      const frame = this.#heard.shift()
      if (frame) yield frame
      else if (this.#end === 'interrupted') throw new Interrupted()
      else if (this.#end) return
      else await new Promise<void>((resolve) => (this.#listener = resolve))
    }
  }

  readonly #onCallOver = () => this.#over(this.#callIsOver ? 'call-gone' : 'interrupted')

  /** The call's signal aborts with Interrupted where only the link to it was lost. */
  get #callIsOver(): boolean {
    return this.#call.aborted && !(this.#call.reason instanceof Interrupted)
  }

  #take(type: number, payload: Buffer): void {
    if (this.#end) return
    if (type === FRAME.audio) this.#hear(samplesOf(payload))
    else if (type === FRAME.mark) this.#reach(payload.readUInt32BE(), payload[4] === 1)
    else if (type === FRAME.dropped) this.#lostThere = payload.readUInt32BE()
    else if (type === FRAME.end) this.#over(payload.toString() === 'gone' ? 'call-gone' : 'interrupted')
    else if (type === FRAME.gone) {
      this.#gone = payload.readUInt32BE()
      this.#send()
    } else if (type === FRAME.ready) {
      this.#window = payload.readUInt32BE()
      this.#settleReady.resolve()
    }
  }

  #hear(frame: Int16Array): void {
    if (this.#heard.length === KEPT) {
      this.#heard.shift()
      this.#lostHere++
    }
    this.#heard.push(frame)
    this.#wake()
  }

  #reach(number: number, cleared: boolean): void {
    this.#marks.get(number)?.(cleared ? 'cleared' : 'played')
    this.#marks.delete(number)
  }

  /** Sends what there is credit for. */
  #send(): void {
    while (this.#unsent.length > 0) {
      const next = this.#unsent[0]!
      const room = this.#window - ((this.#sent - this.#gone) >>> 0)
      const piece = next.samples.subarray(0, Math.min(room, PIECE))
      if (piece.length === 0 && next.samples.length > 0) return
      if (piece.length > 0) this.#socket.write(writeSamples(piece))
      this.#sent += piece.length
      next.samples = next.samples.subarray(piece.length)
      if (next.samples.length > 0) continue
      this.#unsent.shift()
      next.resolve()
    }
  }

  #over(end: StreamEnd): void {
    if (this.#end) return
    this.#end = end
    this.#call.removeEventListener('abort', this.#onCallOver)
    for (const { reject } of this.#unsent.splice(0)) reject(this.#error())
    this.#settleReady.reject(this.#error())
    this.ready.catch(() => {})
    this.#settleClosed(end)
    this.#socket.end()
    this.#wake()
  }

  #error(): Error {
    if (this.#end === 'closed') return new InvalidArgument('the stream was closed')
    return this.#end === 'call-gone' ? new CallGone() : new Interrupted()
  }

  #wake(): void {
    this.#listener?.()
    this.#listener = null
  }
}

const NONE = new Int16Array(0)
