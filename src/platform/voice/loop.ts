import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_EVENT,
  EPOLL_FLAGS,
  EPOLLIN,
  type Libc,
  type Memory,
  readSockaddr,
  reserve,
} from '#protocol/posix/index.ts'
import type { MediaCommand, MediaReport } from './command.ts'
import { Detecting } from './detecting.ts'
import { Endpoint, FALLEN_SILENT_MS } from './endpoint.ts'
import { Intake } from './intake.ts'
import { Receiver, type ShowControl } from './receiver.ts'
import { Rooms } from './rooms.ts'
import { Sender } from './sender.ts'
import { Streams } from './streams.ts'
import { Transmitter } from './transmitter.ts'

/** How many sockets one `epoll_wait` may report. */
const EVENTS = 512

/** How often silence, event time-outs and recordings are looked at, ms. */
const SWEEP_MS = 50

/** Where no deadline is nearer, the loop sleeps this long, ms. */
const LONGEST_SLEEP_MS = 1000

/**
 * Under load the loop rests this long, in µs, before it asks for packets again: the packets of two milliseconds then share
 * one wake-up, which costs more than the packets themselves. It delays sound by at most as much.
 */
const REST_US = 2000

/** Packets of one round from which on the next ones are worth resting for. */
const REST_FROM = 2

export interface MediaLoopOptions {
  libc: Libc
  /** An eventfd that is written to when there is a command. */
  wake: number
  /** Monotonic, ms. */
  now(): number
  /** The wall-clock time at which `now` was 0, ms since the epoch. */
  epoch: number
  /** 32 random bits. */
  random(): number
  report(report: MediaReport): void
  /** Whether RTCP is reported, too. */
  controls?: boolean
  /** What was reported in a round may go. */
  flush(): void
  /** The next commands, if there are any. */
  commands(): MediaCommand[] | undefined
}

/**
 * One thread that moves all RTP of a voice process: waits in `epoll_wait`, takes what has come, passes it on, and sends
 * what is due. It allocates nothing per packet.
 */
export class MediaLoop {
  readonly #options: MediaLoopOptions
  readonly #libc: Libc
  readonly #epoll: number
  readonly #events: Memory
  readonly #eventView: DataView
  readonly #receiver: Receiver
  readonly #intake: Intake
  readonly #transmitter: Transmitter
  readonly #sender: Sender
  readonly #rooms: Rooms
  readonly #streams: Streams
  readonly #show: ShowControl | undefined
  readonly #endpoints: (Endpoint | undefined)[] = []
  #count = 0
  #running = true
  #sweepAt = 0

  constructor(options: MediaLoopOptions) {
    this.#options = options
    this.#libc = options.libc
    this.#epoll = this.#libc.epollCreate(EPOLL_FLAGS)
    if (this.#epoll < 0) throw new Error(`epoll_create1 failed: errno ${this.#libc.errno()}`)
    this.#events = reserve(EVENTS * EPOLL_EVENT.bytes)
    this.#eventView = new DataView(this.#events.bytes.buffer)
    this.#transmitter = new Transmitter(this.#libc)
    this.#sender = new Sender(this.#transmitter, options.report)
    this.#rooms = new Rooms(this.#transmitter, options.report)
    this.#streams = new Streams(this.#transmitter, options.report)
    if (options.controls) {
      this.#show = ({ slot }, sent, bytes, peer, now) => {
        options.report({ type: 'control', slot, sent, peer, bytes, wall: options.epoch + now })
      }
    }
    this.#receiver = new Receiver(this.#transmitter, this.#sender, options.epoch, this.#show)
    const fault = (error: unknown) => this.#fault(error)
    this.#intake = new Intake(this.#eventView, this.#endpoints, this.#transmitter, this.#receiver, fault)
    this.#control(EPOLL_CTL_ADD, options.wake, -1)
  }

  /** Runs until `stop` comes. */
  run(): void {
    let packets = 0
    while (this.#running) {
      if (packets >= REST_FROM) this.#libc.usleep(REST_US)
      packets = this.#round()
    }
    for (const endpoint of this.#endpoints) if (endpoint) this.#close(endpoint)
    this.#options.flush()
    this.#libc.close(this.#epoll)
  }

  /** Waits once, and does what there is to do. Returns how many sockets had something. */
  #round(): number {
    const timeout = Math.ceil(this.#nextDeadline() - this.#options.now())
    const ready = this.#libc.epollWait(this.#epoll, this.#events.address, EVENTS, Math.max(0, timeout))
    const now = this.#options.now()
    const commands = this.#intake.take(ready, now)
    this.#send(now)
    if (now >= this.#sweepAt) this.#sweep(now)
    if (commands) this.#commands()
    this.#options.flush()
    return ready
  }

  #nextDeadline(): number {
    if (this.#count === 0) return this.#options.now() + LONGEST_SLEEP_MS
    return Math.min(this.#sweepAt, this.#sender.nextDue(), this.#rooms.nextDue(), this.#streams.nextDue())
  }

  #send(now: number): void {
    try {
      this.#sender.send(now)
      this.#rooms.send(now)
      this.#streams.send(now)
    } catch (error) {
      this.#fault(error)
    }
  }

  /** Events that fell silent, far ends that fell silent, sound to be recorded. */
  #sweep(now: number): void {
    this.#sweepAt = now + SWEEP_MS
    for (const endpoint of this.#endpoints) {
      if (!endpoint) continue
      if (endpoint.connected && now - endpoint.soundAt > FALLEN_SILENT_MS) this.#transmitter.disconnect(endpoint)
      endpoint.events.tick(now)
      endpoint.tones.tick(now)
      if (endpoint.control.isDue(endpoint.out, now)) this.#tell(endpoint, now, false)
      const { recording } = endpoint
      if (recording) this.#recorded(endpoint.slot, recording.record, recording.timeline.pull(now, false), false)
      if (endpoint.detecting) this.#detected(endpoint, endpoint.detecting, now)
      if (!endpoint.expectsSound || endpoint.silent === now - endpoint.heardAt >= endpoint.watchMs) continue
      endpoint.silent = !endpoint.silent
      const state = endpoint.silent ? 'silent' : 'flowing'
      this.#options.report({ type: 'media', slot: endpoint.slot, state, silentMs: Math.round(now - endpoint.heardAt) })
    }
  }

  /** A report to the far end (RTCP). */
  #tell(endpoint: Endpoint, now: number, goodbye: boolean): void {
    const { control, out } = endpoint
    const { bytes } = this.#transmitter
    const length = control.write(bytes, out, this.#options.epoch + now, now, goodbye)
    if (endpoint.gate && this.#show) {
      const peer = { ...readSockaddr(endpoint.gate.target, 0), port: control.port }
      this.#show(endpoint, true, bytes.slice(0, length), peer, now)
    }
    this.#transmitter.sendControl(endpoint, length)
  }

  #detected(endpoint: Endpoint, detecting: Detecting, now: number): void {
    const { slot } = endpoint
    const { detect } = detecting
    for (const found of detecting.pull(now)) {
      this.#options.report({ type: 'detected', slot, detect, found, last: false })
    }
    if (!detecting.over) return
    endpoint.detecting = null
    this.#options.report({ type: 'detected', slot, detect, found: null, last: true })
  }

  #recorded(slot: number, record: number, pcm: Int16Array, last: boolean): void {
    if (pcm.length > 0 || last) this.#options.report({ type: 'recorded', slot, record, pcm, last })
  }

  #commands(): void {
    this.#libc.read(this.#options.wake, this.#events.address, 8)
    for (let commands = this.#options.commands(); commands; commands = this.#options.commands()) {
      for (const command of commands) {
        try {
          this.#obey(command)
        } catch (error) {
          this.#fault(error)
        }
      }
    }
  }

  #obey(command: MediaCommand): void {
    const now = this.#options.now()
    if (command.type === 'stop') {
      this.#running = false
      return
    }
    if (command.type === 'open') {
      this.#open(command.slot, command.rtp, command.rtcp)
      return
    }
    if (command.type === 'join') {
      this.#join(this.#endpoints[command.a], this.#endpoints[command.b])
      return
    }
    const endpoint = this.#endpoints[command.slot]
    if (!endpoint) return
    switch (command.type) {
      case 'describe':
        this.#transmitter.disconnect(endpoint)
        endpoint.describe(command.description, command.anyHost, now)
        return
      case 'part':
        part(endpoint)
        return
      case 'tones':
        endpoint.toneWay = command.tones
        return
      case 'watch':
        endpoint.watchMs = command.timeoutMs
        endpoint.heardAt = now
        endpoint.silent = false
        return
      case 'play':
        this.#sender.play(endpoint, command.play, command.sound, now)
        return
      case 'unplay':
        this.#sender.unplay(endpoint, command.play, 'stopped')
        return
      case 'pause':
        if (endpoint.playing?.play === command.play) endpoint.playing.paused = command.paused
        return
      case 'dtmf':
        this.#sender.press(endpoint, command, now)
        return
      case 'record':
        this.#receiver.record(endpoint, command.record, now)
        return
      case 'hold-record':
        if (endpoint.recording?.record === command.record) endpoint.recording.timeline.pause(now, command.paused)
        return
      case 'detect':
        endpoint.detecting = new Detecting(command.detect, command.what, now)
        return
      case 'undetect':
        if (endpoint.detecting?.detect === command.detect) endpoint.detecting = null
        return
      case 'unrecord':
        this.#unrecord(endpoint, command.record, now)
        return
      case 'close':
        this.#close(endpoint)
        return
      case 'stream':
      case 'stream-audio':
      case 'stream-clear':
      case 'unstream':
        this.#streams.obey(command, endpoint, now)
        return
      default:
        this.#rooms.obey(command, endpoint, now)
    }
  }

  #open(slot: number, rtp: number, rtcp: number): void {
    const endpoint = new Endpoint(slot, rtp, rtcp, this.#options.report, this.#options.random)
    endpoint.onTone = {
      started: (key) => this.#sender.hold(endpoint, key, this.#options.now()),
      ended: (_, ms) => this.#sender.letGo(endpoint, ms),
    }
    this.#endpoints[slot] = endpoint
    this.#count++
    this.#control(EPOLL_CTL_ADD, rtp, slot << 1)
    this.#control(EPOLL_CTL_ADD, rtcp, (slot << 1) | 1)
  }

  #join(a: Endpoint | undefined, b: Endpoint | undefined): void {
    if (!a || !b || a === b) return
    for (const endpoint of [a, b]) {
      part(endpoint)
      this.#rooms.leave(endpoint)
      this.#sender.silence(endpoint)
    }
    a.peer = b
    b.peer = a
  }

  #unrecord(endpoint: Endpoint, record: number, now: number): void {
    const { recording } = endpoint
    if (recording?.record !== record) return
    endpoint.recording = null
    this.#recorded(endpoint.slot, record, recording.timeline.pull(now, true), true)
  }

  #close(endpoint: Endpoint): void {
    this.#transmitter.disconnect(endpoint)
    this.#control(EPOLL_CTL_DEL, endpoint.rtp, 0)
    this.#control(EPOLL_CTL_DEL, endpoint.rtcp, 0)
    part(endpoint)
    this.#rooms.leave(endpoint)
    this.#sender.silence(endpoint)
    this.#streams.leave(endpoint)
    if (endpoint.recording) this.#unrecord(endpoint, endpoint.recording.record, this.#options.now())
    if (endpoint.gate) this.#tell(endpoint, this.#options.now(), true)
    this.#endpoints[endpoint.slot] = undefined
    this.#count--
    this.#options.report({ type: 'closed', slot: endpoint.slot, stats: endpoint.control.sum(endpoint.stats, endpoint.out) })
  }

  #control(operation: number, fd: number, data: number): void {
    this.#eventView.setUint32(0, EPOLLIN, true)
    this.#eventView.setInt32(EPOLL_EVENT.data, data, true)
    if (this.#libc.epollCtl(this.#epoll, operation, fd, this.#events.address) < 0) {
      throw new Error(`epoll_ctl ${operation} failed: errno ${this.#libc.errno()}`)
    }
  }

  #fault(error: unknown): void {
    const { message, stack } = error instanceof Error ? error : new Error(String(error))
    this.#options.report({ type: 'fault', message, stack: stack ?? '' })
  }
}

/** Ends a relay; nothing when there is none. */
function part(endpoint: Endpoint): void {
  const { peer } = endpoint
  if (!peer) return
  for (const one of [endpoint, peer]) {
    one.peer = null
    one.pressing?.sender.letGo()
    one.out.interrupt()
    one.reframing = null
    one.transcoding = null
    one.ear = null
  }
}
