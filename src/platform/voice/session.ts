import type { Clock, Id } from '#lib/index.ts'
import type { Detection, EndpointDescription, MediaStats, Realm, SeenControl, VoiceNotifications } from '#platform/words/index.ts'
import { Presses } from '#protocol/rtp/index.ts'
import { isPrivate } from './address.ts'
import type { Found, MediaCommand, MediaReport, PlayEnd } from './command.ts'
import type { Engine } from './engine.ts'
import type { PortPair } from './pool.ts'
import type { Sounding } from './sounding.ts'

/** Something that is being played; `done` resolves once, however it ends. */
export interface Playback {
  done: Promise<{ end: PlayEnd; playedMs: number }>
  stop(): void
  /** Stays where it is, or goes on. */
  pause(paused: boolean): void
}

/** What the media thread says of a stream. */
export type StreamReport = Extract<MediaReport, { type: 'streamed' }>

/** A stream at the media thread; 8 kHz. Nothing is done any more once the endpoint is closed. */
export interface Streamed {
  say(pcm: Int16Array): void
  clear(): void
  stop(): void
}

export interface DigitListener {
  started(digit: string): void
  ended(digit: string): void
}

export type Notify = <N extends keyof VoiceNotifications>(name: N, params: VoiceNotifications[N]) => void

export interface SessionOptions {
  engine: Engine
  clock: Clock
  notify: Notify
  /** Shown its RTCP, where the engine reports it. */
  onControl?: ((seen: SeenControl) => void) | undefined
  endpoint: Id<'med'>
  call: Id<'call'>
  pair: PortPair
}

/** One endpoint on the main thread: its place in the media loop, and who waits for what it reports. */
export class Session {
  readonly endpoint: Id<'med'>
  /** Whose it is: of a leg that goes over to another call, another one. */
  call: Id<'call'>
  readonly realm: Realm
  readonly pair: PortPair
  readonly slot: number
  readonly digits = new Set<DigitListener>()
  /** Resolves when all keys are pressed that its far end is to hear. */
  pressed: Promise<void> = Promise.resolve()
  readonly #presses = new Presses()
  readonly #engine: Engine
  readonly #clock: Clock
  readonly #notify: Notify
  readonly #onControl: SessionOptions['onControl']
  readonly #gone = new AbortController()
  readonly #playing = new Map<number, (result: { end: PlayEnd; playedMs: number }) => void>()
  readonly #recording = new Map<number, (pcm: Int16Array, last: boolean) => void>()
  #streaming: { stream: number; hear: (report: StreamReport) => void } | null = null
  #detecting: { detect: number; take: (found: Found | null, last: boolean) => void } | null = null
  readonly #closed = Promise.withResolvers<MediaStats>()
  #numbers = 0
  /** The number of the switch that has opened or claimed it. */
  claimedBy = 0
  /** Whether the far end understands telephone-events. */
  hearsEvents = false

  constructor({ engine, clock, notify, onControl, endpoint, call, pair }: SessionOptions) {
    this.#engine = engine
    this.#clock = clock
    this.#notify = notify
    this.#onControl = onControl
    this.endpoint = endpoint
    this.call = call
    this.pair = pair
    this.realm = pair.realm
    this.slot = engine.reserve((report) => this.#take(report))
    engine.send({ type: 'open', slot: this.slot, rtp: pair.rtp.fd, rtcp: pair.rtcp.fd })
  }

  /** Aborts, with the reason `gone`, when the endpoint is closed. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /**
   * A far end on the node's side that names an address from a private network, while ours is a public one, can't be
   * reached there: it is behind a NAT that didn't tell it, and may be anywhere.
   */
  describe(description: EndpointDescription): void {
    this.hearsEvents = description.send.telephoneEvent !== undefined
    const anyHost = this.realm === 'node' && isPrivate(description.remote.address) && !isLocal(this.pair.rtp.address)
    this.#engine.send({ type: 'describe', slot: this.slot, description, anyHost })
  }

  /** Its far end has told of a key by an INFO: a key like one of its sound, and the same where that tells of it, too (PITFALLS S51). */
  informed(digit: string): void {
    if (!this.#presses.take('info', digit, this.#clock.now())) return
    for (const listener of [...this.digits]) {
      listener.started(digit)
      listener.ended(digit)
    }
  }

  play(sound: Sounding): Playback {
    const play = ++this.#numbers
    return this.#start(play, () => this.#engine.send({ type: 'play', slot: this.slot, play, sound }))
  }

  /** Everyone in its conference hears it. */
  announce(sound: Sounding): Playback {
    const play = ++this.#numbers
    const { done } = this.#start(play, () => this.#tell({ type: 'announce', slot: this.slot, play, sound }))
    return { done, stop: () => this.#tell({ type: 'unannounce', slot: this.slot, play }), pause: () => {} }
  }

  sit(room: number): void {
    this.#tell({ type: 'sit', slot: this.slot, room })
  }

  /** `coached` is the slot of the only one who hears it, or −1. */
  takePart(muted: boolean, coached: number): void {
    this.#tell({ type: 'seat', slot: this.slot, muted, coached })
  }

  stand(): void {
    this.#tell({ type: 'stand', slot: this.slot })
  }

  press(digits: string, onMs: number, offMs: number): Playback {
    const play = ++this.#numbers
    return this.#start(play, () => this.#engine.send({ type: 'dtmf', slot: this.slot, play, digits, onMs, offMs }))
  }

  /** Hands on what is heard, laid out along the clock; the last piece comes after `stop` or when the endpoint is closed. */
  record(take: (pcm: Int16Array, last: boolean) => void): { stop(): void; pause(paused: boolean): void } {
    const record = ++this.#numbers
    // Its slot may be another call's by now.
    if (this.#gone.signal.aborted) {
      queueMicrotask(() => take(new Int16Array(0), true))
      return { stop: () => {}, pause: () => {} }
    }
    this.#recording.set(record, take)
    this.#engine.send({ type: 'record', slot: this.slot, record })
    return {
      stop: () => this.#tell({ type: 'unrecord', slot: this.slot, record }),
      pause: (paused) => this.#tell({ type: 'hold-record', slot: this.slot, record, paused }),
    }
  }

  /** Listens for one thing, in place of any other; `take` is told what is found, and with `last` that there is nothing more. */
  detect(what: Detection, take: (found: Found | null, last: boolean) => void): { stop(): void } {
    const detect = ++this.#numbers
    const { slot } = this
    this.#detecting?.take(null, true)
    this.#detecting = { detect, take }
    this.#tell({ type: 'detect', slot, detect, what })
    return {
      stop: () => {
        if (this.#detecting?.detect === detect) this.#detecting = null
        this.#tell({ type: 'undetect', slot, detect })
      },
    }
  }

  /** Whether a program has a stream of it. */
  get streams(): boolean {
    return this.#streaming !== null
  }

  /** Begins a stream between the far end and a program. */
  stream(how: { hear: boolean; live: boolean }, take: (report: StreamReport) => void): Streamed {
    const stream = ++this.#numbers
    const { slot } = this
    this.#streaming = { stream, hear: take }
    this.#tell({ type: 'stream', slot, stream, ...how })
    return {
      say: (pcm) => this.#tell({ type: 'stream-audio', slot, stream, pcm }),
      clear: () => this.#tell({ type: 'stream-clear', slot, stream }),
      stop: () => {
        if (this.#streaming?.stream === stream) this.#streaming = null
        this.#tell({ type: 'unstream', slot, stream })
      },
    }
  }

  /** Closes; what is played and recorded ends first. The pair is no longer read when it resolves. */
  close(): Promise<MediaStats> {
    if (!this.#gone.signal.aborted) {
      this.#gone.abort('gone')
      this.#engine.send({ type: 'close', slot: this.slot })
    }
    return this.#closed.promise
  }

  /** Nothing once it is closed, when its slot may be another call's. */
  #tell(command: MediaCommand): void {
    if (!this.#gone.signal.aborted) this.#engine.send(command)
  }

  #start(play: number, start: () => void): Playback {
    const { promise, resolve } = Promise.withResolvers<{ end: PlayEnd; playedMs: number }>()
    if (this.#gone.signal.aborted) resolve({ end: 'stopped', playedMs: 0 })
    else {
      this.#playing.set(play, resolve)
      start()
    }
    return {
      done: promise,
      stop: () => this.#tell({ type: 'unplay', slot: this.slot, play }),
      pause: (paused) => this.#tell({ type: 'pause', slot: this.slot, play, paused }),
    }
  }

  #take(report: MediaReport): void {
    const { endpoint } = this
    switch (report.type) {
      case 'played':
        this.#playing.get(report.play)?.({ end: report.end, playedMs: report.playedMs })
        this.#playing.delete(report.play)
        return
      case 'digit-started':
        if (this.#presses.begins(report.digit, this.#clock.now())) {
          for (const listener of [...this.digits]) listener.started(report.digit)
        }
        this.#notify('pressed', { endpoint, digit: report.digit })
        return
      case 'digit':
        if (this.#presses.take('sound', report.digit, this.#clock.now())) {
          for (const listener of [...this.digits]) listener.ended(report.digit)
        }
        this.#notify('digit', { endpoint, digit: report.digit, durationMs: report.durationMs })
        return
      case 'codec':
        this.#notify('codec', { endpoint, codec: report.codec })
        return
      case 'speaking':
        this.#notify('speaking', { endpoint, speaking: report.speaking })
        return
      case 'media':
        this.#notify('media', { endpoint, state: report.state, silentMs: report.silentMs })
        return
      case 'recorded':
        this.#recording.get(report.record)?.(report.pcm, report.last)
        if (report.last) this.#recording.delete(report.record)
        return
      case 'detected':
        if (this.#detecting?.detect === report.detect) this.#detecting.take(report.found, report.last)
        return
      case 'streamed':
        if (this.#streaming?.stream === report.stream) this.#streaming.hear(report)
        return
      case 'control': {
        const { sent, bytes, wall, peer } = report
        const { address, port } = this.pair.rtcp
        this.#onControl?.({ call: this.call, direction: sent ? 'out' : 'in', bytes, wall, local: { address, port }, peer })
        return
      }
      case 'closed':
        this.#engine.release(this.slot)
        this.#closed.resolve(report.stats)
        return
    }
  }
}

function isLocal(address: string): boolean {
  return isPrivate(address) || address.startsWith('127.') || address === '::1'
}
