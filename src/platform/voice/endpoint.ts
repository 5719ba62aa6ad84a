import type { EndpointDescription, MediaStats, StreamFormat } from '#platform/words/index.ts'
import { A_TO_MU, DtmfDetector, type Law, MU_TO_A } from '#protocol/audio/index.ts'
import { EventReceiver, type EventSender, StreamMapper } from '#protocol/rtp/index.ts'
import type { MediaReport } from './command.ts'
import { Control, noStats } from './control.ts'
import { Gate } from './gate.ts'
import type { Pacer } from './pacer.ts'
import { Protection } from './protection.ts'
import type { Seat } from './seat.ts'
import { isNowhere, SOCKADDR_BYTES, writeSockaddr } from './sockaddr.ts'
import { PcmSource, type Reframer, type Source } from './source.ts'
import type { SpokenKey } from './spoken-key.ts'
import type { Streaming } from './streams.ts'
import type { Timeline } from './timeline.ts'

/** Comfort noise (RFC 3389): a sign of life, no sound. */
const COMFORT_NOISE = 13

const NO_EVENTS = -1

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
  play: number
  sender: EventSender
  pacer: Pacer
  timestamp: number
}

/** What the media loop knows of one endpoint. Fields are plain, because every packet reads them. */
export class Endpoint {
  readonly slot: number
  readonly rtp: number
  readonly rtcp: number
  readonly out: StreamMapper
  readonly events: EventReceiver
  readonly control: Control
  readonly stats: MediaStats = noStats()
  /** Null until the far end is described. */
  gate: Gate | null = null
  /** Null where sound travels in the clear. */
  protection: Protection | null = null
  targetLength = 16
  canSend = false
  canReceive = false
  sendLaw: Law = 'PCMU'
  sendPayloadType = 0
  sendEvents = NO_EVENTS
  frameSamples = 160
  #receive: StreamFormat | null = null
  receiveEvents = NO_EVENTS
  peer: Endpoint | null = null
  /** Keys that are heard as tones, where no telephone-event was negotiated. */
  readonly tones: DtmfDetector
  /** Its part in a conference, and what it is about to hear of it. */
  seat: Seat | null = null
  hearing: { samples: Int16Array; count: number; fresh: boolean } | null = null
  playing: Playing | null = null
  pressing: Pressing | null = null
  reframing: { reframer: Reframer; pacer: Pacer; fresh: boolean } | null = null
  /** Keys of the peer that this far end hears as tones; made when there is the first. */
  spokenKey: SpokenKey | null = null
  recording: { record: number; timeline: Timeline } | null = null
  /** Sound between this far end and its subscriber's program. */
  streaming: Streaming | null = null
  /** SSRC of what is received; −1 before the first packet. */
  ssrc = -1
  watchMs = 0
  heardAt = 0
  silent = false

  constructor(slot: number, rtp: number, rtcp: number, report: (report: MediaReport) => void, random: () => number) {
    this.slot = slot
    this.rtp = rtp
    this.rtcp = rtcp
    this.control = new Control(random)
    this.out = new StreamMapper(random(), random() & 0x7fff, random())
    const keys = {
      started: (digit: string) => report({ type: 'digit-started', slot, digit }),
      ended: (digit: string, durationMs: number) => report({ type: 'digit', slot, digit, durationMs }),
    }
    this.events = new EventReceiver(keys)
    this.tones = new DtmfDetector(keys)
  }

  /** Takes what signalling says. A new address starts the source policy anew; the same one keeps what was learnt. */
  describe(description: EndpointDescription, anyHost: boolean, now: number): void {
    const { remote, send, receive, direction, crypto } = description
    if (!crypto) this.protection = null
    else if (!this.protection?.has(crypto)) this.protection = new Protection(crypto)
    const named = new Uint8Array(new ArrayBuffer(SOCKADDR_BYTES))
    this.targetLength = writeSockaddr(named, 0, remote.address, remote.port)
    const nowhere = isNowhere(remote.address) || remote.port === 0
    this.gate = nowhere ? null : new Gate(named, anyHost)
    if (nowhere) this.control.stop()
    else this.control.start(remote.controlPort ?? remote.port + 1, 8000, now)
    this.canSend = !nowhere && (direction === 'sendrecv' || direction === 'sendonly')
    const couldReceive = this.canReceive
    this.canReceive = direction === 'sendrecv' || direction === 'recvonly'
    this.sendLaw = send.codec
    this.sendPayloadType = send.payloadType
    this.sendEvents = send.telephoneEvent ?? NO_EVENTS
    this.frameSamples = Math.max(10, Math.min(100, send.ptimeMs)) * 8
    this.#receive = receive
    this.receiveEvents = receive.telephoneEvent ?? NO_EVENTS
    this.reframing = null
    if (!couldReceive) this.heardAt = now
  }

  /** The law of a payload type that may come in; static types mean what RFC 3551 says; undefined for others. */
  lawOf(payloadType: number): Law | undefined {
    if (payloadType === this.#receive?.payloadType) return this.#receive.codec
    return payloadType === 0 ? 'PCMU' : payloadType === 8 ? 'PCMA' : undefined
  }

  isComfortNoise(payloadType: number): boolean {
    return payloadType === COMFORT_NOISE
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
    return this.playing?.source instanceof PcmSource ? this.playing.source.playedMs : 0
  }
}

/** The table that turns `from` into `to`, or null when they are the same. */
export function conversion(from: Law, to: Law): Uint8Array | null {
  return from === to ? null : from === 'PCMU' ? MU_TO_A : A_TO_MU
}
