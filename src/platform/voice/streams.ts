import { RTP_HEADER_BYTES } from '#protocol/rtp/index.ts'
import type { MediaReport, StreamCommand } from './command.ts'
import type { Endpoint } from './endpoint.ts'
import { Pacer } from './pacer.ts'
import { SpokenQueue } from './spoken-queue.ts'
import { Timeline } from './timeline.ts'
import type { Transmitter } from './transmitter.ts'

/** The frames in which a program hears and is told, ms. */
const FRAME_MS = 20

/** Frames begin at multiples of this: those of many streams then share a wake-up of threads and programs, which costs more than they do. */
const TURN_MS = 10

/** Samples that a program's ear waits for late packets: 40 ms. */
const OPEN = 320

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
  /** What has left the queue, as it was told last. */
  told = 0
  readonly queue: SpokenQueue

  constructor(stream: number, { hear, live }: { hear: boolean; live: boolean }, now: number) {
    this.stream = stream
    this.ear = new Pacer(FRAME_MS, Math.ceil(now / TURN_MS) * TURN_MS)
    this.heard = hear ? new Timeline(now, { open: OPEN, live: true }) : null
    this.queue = new SpokenQueue(live)
  }

  /** Whether what is relayed gives way to it. */
  get speaking(): boolean {
    return this.mouth !== null
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
      endpoint.streaming = new Streaming(command.stream, command, now)
      this.#active.push(endpoint)
      return
    }
    const { streaming } = endpoint
    if (streaming?.stream !== command.stream) return
    switch (command.type) {
      case 'stream-audio':
        streaming.queue.push(command.pcm, now)
        if (streaming.mouth || streaming.queue.queued === 0) return
        streaming.mouth = new Pacer(endpoint.frameMs, now + streaming.queue.leadMs)
        streaming.fresh = true
        return
      case 'stream-clear':
        streaming.mouth = null
        this.#tell(endpoint, streaming, EMPTY, streaming.queue.clear())
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
      if (pcm.length > 0 || streaming.queue.gone !== streaming.told) this.#tell(endpoint, streaming, pcm, null)
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
      const had = streaming.queue.pull(this.#frame, frameSamples, now)
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

  #tell(endpoint: Endpoint, streaming: Streaming, pcm: Int16Array, cleared: number | null): void {
    const { gone, skipped } = streaming.queue
    streaming.told = gone
    this.#report({ type: 'streamed', slot: endpoint.slot, stream: streaming.stream, pcm, gone, skipped, cleared })
  }
}
