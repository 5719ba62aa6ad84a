import { isDeepStrictEqual } from 'node:util'
import type { EndpointDescription, MediaStats, StreamFormat, ToneWay } from '#platform/words/index.ts'
import {
  A_TO_MU,
  type AudioCodec,
  alike,
  type CodecName,
  codecOf,
  DtmfDetector,
  type Encoder,
  frameOf,
  type Law,
  MU_TO_A,
  type SoundRate,
} from '#protocol/audio/index.ts'
import { SOCKADDR_BYTES, writeSockaddr } from '#protocol/posix/index.ts'
import { EventReceiver, type EventSender, type EventSink, StreamMapper } from '#protocol/rtp/index.ts'
import { isNowhere } from './address.ts'
import type { MediaReport } from './command.ts'
import { Control, noStats } from './control.ts'
import type { Detecting } from './detecting.ts'
import { COMFORT_NOISE, Ear, type Overhear } from './ear.ts'
import { Gate } from './gate.ts'
import type { Pacer } from './pacer.ts'
import { Protection } from './protection.ts'
import type { Seat } from './seat.ts'
import type { Reframer, Source } from './source.ts'
import type { SpokenKey } from './spoken-key.ts'
import type { Streaming } from './streams.ts'
import { type Timeline, timedBy } from './timeline.ts'

const NO_EVENTS = -1

/** Ms without a packet of sound after which a source that is described again may be found to have moved. */
export const FALLEN_SILENT_MS = 500

/** A source that an endpoint is sending, with its pace. */
export interface Playing {
  play: number
  source: Source
  pacer: Pacer
  paused: boolean
  /** Ms that the pacer has skipped since the last packet. */
  lagMs: number
  /** Nothing was sent just before: the next packet begins a talk spurt. */
  fresh: boolean
}

/** Keys that an endpoint is pressing, with their pace. */
export interface Pressing {
  /** Null for those of its peer, which are taken out of its sound. */
  play: number | null
  sender: EventSender
  pacer: Pacer
  timestamp: number
}

/** Sound of another codec that an endpoint gets, made of what its peer's ear hears. */
export interface Transcoding {
  ear: Ear
  pacer: Pacer
  fresh: boolean
}

/** What the media loop knows of one endpoint. Fields are plain, because every packet reads them. */
export class Endpoint {
  readonly slot: number
  readonly rtp: number
  readonly rtcp: number
  /** What it sends, as long as its clock rate is the same. */
  out: StreamMapper
  readonly events: EventReceiver
  readonly control: Control
  readonly #random: () => number
  readonly stats: MediaStats = noStats()
  /** Null until the far end is described. */
  gate: Gate | null = null
  /** Null where sound travels in the clear. */
  protection: Protection | null = null
  targetLength = 16
  /** Its socket is connected to the far end: see {@link Transmitter.connect}. */
  connected = false
  /** What the first 8 bytes of an IPv4 far end's `sockaddr` are then, as two words; 0, which is no address, else. */
  portWord = 0
  hostWord = 0
  canSend = false
  canReceive = false
  sendCodec: AudioCodec = codecOf('PCMU')
  sendPayloadType = 0
  sendEvents = NO_EVENTS
  /** Ms of sound in a packet; as many samples of 8 kHz, which are the bytes of G.711 and G.722; and of the stream's own clock. */
  frameMs = 20
  frameSamples = 160
  frameTicks = 160
  #encoder: { encoder: Encoder; rate: SoundRate } | null = null
  /** Hears the far end where its sound must be decoded: made when that is needed. */
  ear: Ear | null = null
  /** Pulls the ear where nobody else does. */
  listening: Pacer | null = null
  transcoding: Transcoding | null = null
  /** A key of the peer that is passed on at another clock rate. */
  readonly passedKey: { timestamp: number; own: number; stream: StreamMapper | null } = { timestamp: -1, own: 0, stream: null }
  #receive: StreamFormat | null = null
  /** What it spoke last, and all that it has spoken beside what was agreed on first. */
  #spoken: CodecName | null = null
  readonly #beside = new Set<CodecName>()
  readonly #report: (report: MediaReport) => void
  /** Whether it hears the keys of its peer as tones, where it takes no telephone-events. */
  hearsTones = true
  receiveEvents = NO_EVENTS
  peer: Endpoint | null = null
  /** Keys that are heard as tones, where no telephone-event was negotiated. */
  readonly tones: DtmfDetector
  /** What becomes of them. */
  toneWay: ToneWay = 'heard'
  /** Told of them, for whoever it is joined to. */
  onTone: EventSink | null = null
  /** Its part in a conference, and what it is about to hear of it. */
  seat: Seat | null = null
  hearing: { samples: Int16Array; count: number; fresh: boolean } | null = null
  playing: Playing | null = null
  pressing: Pressing | null = null
  reframing: { reframer: Reframer; pacer: Pacer; fresh: boolean } | null = null
  /** Keys of the peer that this far end hears as tones; made when there is the first. */
  spokenKey: SpokenKey | null = null
  recording: { record: number; timeline: Timeline } | null = null
  /** Who listens to what is answered. */
  detecting: Detecting | null = null
  /** Sound between this far end and its subscriber's program. */
  streaming: Streaming | null = null
  /** SSRC of what is received; −1 before the first packet. */
  ssrc = -1
  watchMs = 0
  heardAt = 0
  /** Of its last RTP packet; what RTCP tells is no sign of where its sound comes from. */
  soundAt = 0
  #described: EndpointDescription | null = null
  silent = false

  constructor(slot: number, rtp: number, rtcp: number, report: (report: MediaReport) => void, random: () => number) {
    this.slot = slot
    this.rtp = rtp
    this.rtcp = rtcp
    this.control = new Control(random)
    this.#random = random
    this.#report = report
    this.out = this.#stream(this.sendCodec.clockRate)
    const keys = {
      started: (digit: string) => report({ type: 'digit-started', slot, digit }),
      ended: (digit: string, durationMs: number) => report({ type: 'digit', slot, digit, durationMs }),
    }
    this.events = new EventReceiver(keys)
    this.tones = new DtmfDetector({
      started: (digit) => {
        keys.started(digit)
        this.onTone?.started(digit)
      },
      ended: (digit, durationMs) => {
        keys.ended(digit, durationMs)
        this.onTone?.ended(digit, durationMs)
      },
    })
  }

  /** Takes what signalling says. A new address starts the source policy anew; the same one keeps what was learnt. */
  describe(description: EndpointDescription, anyHost: boolean, now: number): void {
    if (this.gate && isDeepStrictEqual(description, this.#described)) {
      this.#followAgain(now)
      return
    }
    this.#described = description
    const { remote, send, receive, direction, crypto } = description
    if (!crypto) this.protection = null
    else if (!this.protection?.has(crypto)) this.protection = new Protection(crypto)
    const named = new Uint8Array(new ArrayBuffer(SOCKADDR_BYTES))
    this.targetLength = writeSockaddr(named, 0, remote.address, remote.port)
    const nowhere = isNowhere(remote.address) || remote.port === 0
    if (nowhere) this.gate = null
    else if (this.gate?.isOf(named, anyHost)) this.#followAgain(now)
    else this.gate = new Gate(named, anyHost)
    if (nowhere) this.control.stop()
    else this.control.start(remote.controlPort ?? remote.port + 1, now)
    this.canSend = !nowhere && (direction === 'sendrecv' || direction === 'sendonly')
    const couldReceive = this.canReceive
    this.canReceive = direction === 'sendrecv' || direction === 'recvonly'
    this.#speak(send)
    this.sendPayloadType = send.payloadType
    this.sendEvents = send.telephoneEvent ?? NO_EVENTS
    this.hearsTones = description.keys !== 'none'
    if (!isDeepStrictEqual(this.#receive, receive)) {
      this.#spoken = null
      this.#beside.clear()
    }
    if (this.#receive?.codec !== receive.codec) {
      // What was heard in the old codec is not waited for, nor pulled for ever.
      if (this.ear && this.peer?.transcoding?.ear === this.ear) this.peer.transcoding = null
      this.ear = null
    }
    // Of the table's own text, which is compared by where it lies.
    this.#receive = { ...receive, codec: codecOf(receive.codec).name }
    this.receiveEvents = receive.telephoneEvent ?? NO_EVENTS
    this.reframing = null
    this.transcoding = null
    if (!couldReceive) this.heardAt = now
  }

  /** While its sound comes, nobody else can take its place, however often it is described. */
  #followAgain(now: number): void {
    if (now - this.soundAt > FALLEN_SILENT_MS) this.gate?.again()
  }

  /** How it speaks from now on. */
  #speak({ codec, ptimeMs }: StreamFormat): void {
    if (this.sendCodec.name !== codec) this.#encoder = null
    this.sendCodec = codecOf(codec)
    this.frameMs = frameOf(this.sendCodec, Math.max(10, Math.min(100, ptimeMs)))
    this.frameSamples = this.frameMs * 8
    this.frameTicks = (this.frameMs * this.sendCodec.clockRate) / 1000
    if (this.out.clockRate !== this.sendCodec.clockRate) this.#beginStream()
  }

  /**
   * Another clock rate is another source (RFC 7160 §4.1): what was sent is left as it is, and a key that is being pressed, or passed
   * on, ends with it, since each stream tells its own keys (RFC 4733 §2.5.1.2).
   */
  #beginStream(): void {
    if (this.out.packets > 0) this.control.retire(this.out)
    this.out = this.#stream(this.sendCodec.clockRate)
    if (this.pressing) this.pressing.sender = this.pressing.sender.anew(this.frameTicks, this.out.clockRate / 1000)
    if (!this.peer?.events.active) return
    this.passedKey.timestamp = this.peer.events.timestamp
    this.passedKey.stream = null
  }

  #stream(clockRate: number): StreamMapper {
    return new StreamMapper(this.#random(), this.#random() & 0x7fff, this.#random(), clockRate)
  }

  /** Encodes `samples` at `rate` for the far end, and writes them at `start`. Returns the length in bytes. */
  encode(pcm: Int16Array, samples: number, rate: SoundRate, bytes: Uint8Array, start: number): number {
    if (this.#encoder?.rate !== rate) this.#encoder = { encoder: this.sendCodec.encoder(rate), rate }
    const { encoder } = this.#encoder
    encoder.protect?.(this.control.lossPercent)
    return encoder.encode(pcm, samples, bytes, start)
  }

  /** Whether a payload of this codec is what it gets, as it is or by a table. */
  takes(codec: CodecName): boolean {
    return codec === this.sendCodec.name || alike(codec).includes(this.sendCodec.name)
  }

  /** The ear, at `rate` or better. */
  listen(rate: SoundRate): Ear {
    if (!this.ear || this.ear.rate < rate) {
      const overhear: Overhear = (clockRate, timestamp, pcm, samples, at, now) => {
        const source = timedBy(this.ssrc, clockRate)
        this.streaming?.heard?.put(source, timestamp, pcm, samples, now)
        this.recording?.timeline.put(source, timestamp, pcm, samples, at)
        this.detecting?.timeline.put(source, timestamp, pcm, samples, at)
        if (this.listensForTones) this.tones.listen(pcm, samples, at)
      }
      this.ear = new Ear(this.#receive?.codec ?? 'PCMU', rate, (type) => this.codecOf(type), overhear)
    }
    return this.ear
  }

  /** The codec of a payload type that may come in; static types mean what RFC 3551 says; undefined for others. */
  codecOf(payloadType: number): CodecName | undefined {
    if (payloadType === this.#receive?.payloadType) return this.#receive.codec
    const another = this.#receive?.also?.find((other) => other.payloadType === payloadType)
    if (another) return another.codec
    return payloadType === 0 ? 'PCMU' : payloadType === 8 ? 'PCMA' : undefined
  }

  /** It speaks this codec now: one that was not agreed on first is told, once. */
  speaks(codec: CodecName): void {
    if (codec === this.#spoken) return
    this.#spoken = codec
    if (codec === this.#receive?.codec || this.#beside.has(codec)) return
    this.#beside.add(codec)
    this.#report({ type: 'codec', slot: this.slot, codec })
  }

  /** The clock rate of a payload type that tells keys, Hz; 0 where it tells none. */
  eventRateOf(payloadType: number): number {
    if (payloadType === this.receiveEvents) return this.clockRate
    const beside = this.#receive?.also?.find(({ telephoneEvent }) => telephoneEvent === payloadType)
    return beside ? codecOf(beside.codec).clockRate : 0
  }

  isComfortNoise(payloadType: number): boolean {
    return payloadType === COMFORT_NOISE
  }

  /** Whether somebody besides the peer hears what it says. */
  get isOverheard(): boolean {
    const listens = this.recording !== null || this.detecting !== null || this.listensForTones
    return listens || (this.streaming !== null && this.streaming.heard !== null)
  }

  /** Whether tones are listened for: where keys are told by nothing else. */
  get listensForTones(): boolean {
    return this.receiveEvents < 0 && (this.toneWay !== 'sound' || this.peer === null)
  }

  /** Whether its peer has its tones told in another way, and is not to hear them. */
  get takesTones(): boolean {
    const { peer } = this
    return this.toneWay === 'taken' && this.receiveEvents < 0 && peer !== null && (peer.sendEvents >= 0 || !peer.hearsTones)
  }

  /** Whether what it says just now is a tone that its peer is not to hear. */
  get isMuted(): boolean {
    return this.takesTones && this.tones.isOn
  }

  /** Of what comes in, Hz. */
  get clockRate(): number {
    return codecOf(this.#receive?.codec ?? 'PCMU').clockRate
  }

  /** Reads what a packet will need and lies apart in memory. What it returns means nothing. */
  touch(): number {
    const { peer, control, stats } = this
    const own =
      control.reception.touch() + stats.packetsReceived + this.heardAt + this.soundAt + (this.#receive?.payloadType ?? 0)
    return peer ? own + peer.out.touch() + peer.frameSamples + peer.rtp : own
  }

  /** Whether sound is expected from the far end (a held one is silent for good reason). */
  get expectsSound(): boolean {
    return this.watchMs > 0 && this.canReceive && this.gate !== null
  }

  /** Whether something of our own is being sent, which what is relayed gives way to. */
  get isSpeaking(): boolean {
    return this.playing !== null || this.pressing !== null || (this.streaming?.speaking ?? false)
  }

  get playedMs(): number {
    return this.playing?.source.playedMs ?? 0
  }
}

export function isLaw(codec: CodecName): codec is Law {
  return codec === 'PCMU' || codec === 'PCMA'
}

/** The table that turns `from` into `to`, or null when they are the same. */
export function conversion(from: Law, to: Law): Uint8Array | null {
  return from === to ? null : from === 'PCMU' ? MU_TO_A : A_TO_MU
}
