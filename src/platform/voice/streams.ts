import { RTP_HEADER_BYTES } from '#protocol/rtp/index.ts'
import type { MediaReport, StreamCommand } from './command.ts'
import type { Endpoint } from './endpoint.ts'
import { Pacer } from './pacer.ts'
import { Timeline } from './timeline.ts'
import type { Transmitter } from './transmitter.ts'

/** The frames in which a program hears and is told, ms. */
const FRAME_MS = 20

/** Samples that a program's ear waits for late packets: 40 ms. */
const OPEN = 320

/** What a program says begins so much after its first sample has come, ms: the next one may then be late by as much. */
const LEAD_MS = 20

/** Samples that are queued at most: two seconds. More is never asked for, so who brings it has lost it. */
export const STREAM_QUEUE = 16_000

/** Samples of the longest frame: 100 ms. */
const LONGEST_FRAME = 800

const EMPTY = new Int16Array(0)

/** Sound between one far end and a program: what it hears, laid out along the clock, and what it has said and was not sent yet. */
export class Streaming {
  readonly stream: number
  readonly ear: Pacer
  /** Null where the program does not listen. */
  readonly heard: Timeline | null
  /** While there is something to be said. */
  mouth: Pacer | null = null
  fresh = true
  /** Samples since the beginning that have left the queue. */
  gone = 0
  told = 0
  readonly #ring = new Int16Array(STREAM_QUEUE)
  #written = 0

  constructor(stream: number, hear: boolean, now: number) {
    this.stream = stream
    this.ear = new Pacer(FRAME_MS, now)
    this.heard = hear ? new Timeline(now, OPEN) : null
  }

  /** Whether what is relayed gives way to it. */
  get speaking(): boolean {
    return this.mouth !== null
  }

  get queued(): number {
    return this.#written - this.gone
  }

  push(pcm: Int16Array): void {
    const count = Math.min(pcm.length, STREAM_QUEUE - this.queued)
    for (let i = 0; i < count; i++) this.#ring[(this.#written + i) % STREAM_QUEUE] = pcm[i]!
    this.#written += count
  }

  /** Takes the next samples at most; how many there were. The rest is silence. */
  pull(into: Int16Array, samples: number): number {
    const count = Math.min(samples, this.queued)
    for (let i = 0; i < count; i++) into[i] = this.#ring[(this.gone + i) % STREAM_QUEUE]!
    into.fill(0, count, samples)
    this.gone += count
    return count
  }

  clear(): void {
    this.gone = this.#written
    this.mouth = null
  }
}

/** All streams of the media thread. */
export class Streams {
  readonly #transmitter: Transmitter
  readonly #report: (report: MediaReport) => void
  readonly #active: Endpoint[] = []
  readonly #frame = new Int16Array(LONGEST_FRAME)

  constructor(transmitter: Transmitter, report: (report: MediaReport) => void) {
    this.#transmitter = transmitter
    this.#report = report
  }

  /** When the next frame is due either way, ms; infinity without any stream. */
  nextDue(): number {
    let due = Number.POSITIVE_INFINITY
    for (const { streaming } of this.#active) {
      due = Math.min(due, streaming!.ear.due, streaming!.mouth?.due ?? Number.POSITIVE_INFINITY)
    }
    return due
  }

  obey(command: StreamCommand, endpoint: Endpoint, now: number): void {
    if (command.type === 'stream') {
      this.leave(endpoint)
      endpoint.streaming = new Streaming(command.stream, command.hear, now)
      this.#active.push(endpoint)
      return
    }
    const { streaming } = endpoint
    if (streaming?.stream !== command.stream) return
    switch (command.type) {
      case 'stream-audio':
        streaming.push(command.pcm)
        if (streaming.mouth || streaming.queued === 0) return
        streaming.mouth = new Pacer(endpoint.frameMs, now + LEAD_MS)
        streaming.fresh = true
        return
      case 'stream-clear':
        streaming.clear()
        this.#tell(endpoint, streaming, EMPTY, true)
        return
      case 'unstream':
        this.leave(endpoint)
    }
  }

  /** Ends the endpoint's stream, where it has one. */
  leave(endpoint: Endpoint): void {
    if (!endpoint.streaming) return
    endpoint.streaming = null
    this.#active.splice(this.#active.indexOf(endpoint), 1)
  }

  send(now: number): void {
    for (const endpoint of this.#active) {
      const streaming = endpoint.streaming!
      if (streaming.mouth) this.#speak(endpoint, streaming, streaming.mouth, now)
      this.#listen(endpoint, streaming, now)
    }
  }

  /** By the time that a frame was due, not by the time that it is, each has the same length; after a stall it is one long frame. */
  #listen(endpoint: Endpoint, streaming: Streaming, now: number): void {
    const { ear, heard } = streaming
    while (true) {
      const { due } = ear
      const taken = ear.take(now)
      if (!taken && ear.skippedMs === 0) return
      const pcm = heard?.pull(taken ? due : ear.due - FRAME_MS, false) ?? EMPTY
      if (pcm.length > 0 || streaming.gone !== streaming.told) this.#tell(endpoint, streaming, pcm, false)
    }
  }

  /** While a prompt or keys are sent, what the program has said waits behind them. */
  #speak(endpoint: Endpoint, streaming: Streaming, mouth: Pacer, now: number): void {
    const { bytes } = this.#transmitter
    while (mouth.take(now)) {
      if (endpoint.playing || endpoint.pressing || !endpoint.canSend) {
        streaming.fresh = true
        continue
      }
      const { frameSamples, frameTicks, out } = endpoint
      const had = streaming.pull(this.#frame, frameSamples)
      if (had === 0) {
        streaming.mouth = null
        return
      }
      const length = endpoint.encode(this.#frame, frameSamples, 8000, bytes, RTP_HEADER_BYTES)
      out.next(frameTicks, streaming.fresh, now)
      this.#transmitter.send(endpoint, endpoint.sendPayloadType, length)
      streaming.fresh = false
    }
    if (mouth.skippedMs > 0) streaming.fresh = true
  }

  #tell(endpoint: Endpoint, streaming: Streaming, pcm: Int16Array, cleared: boolean): void {
    const { stream, gone } = streaming
    streaming.told = gone
    this.#report({ type: 'streamed', slot: endpoint.slot, stream, pcm, gone, cleared })
  }
}
