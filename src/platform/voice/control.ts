import type { MediaStats, StreamQuality } from '#platform/words/index.ts'
import {
  type ControlReport,
  estimateMos,
  Reception,
  type ReportBlock,
  roundTripMs,
  type SenderInfo,
  type StreamMapper,
  writeControl,
} from '#protocol/rtp/index.ts'

/** The least time between two reports, before it is made uneven (RFC 3550 §6.2), ms. */
const INTERVAL_MS = 5000

/** Delay of a path that can't be seen in a round trip: a packet's own length and what the telephone holds back, ms. */
const OWN_DELAY_MS = 40

/** Retired streams that one report takes leave of; whoever changes its clock more often than it reports has the rest in the next. */
const MOST_RETIRED = 8

/** What the far end last said of our streams. */
interface Told {
  lost: number
  jitterMs: number
}

/**
 * The control stream of one endpoint (RTCP): what came is counted and told to the far end, and what the far end tells of our
 * stream is kept.
 */
export class Control {
  readonly reception = new Reception()
  /** When the next report is due, ms; infinity while there is nobody to tell. */
  due = Number.POSITIVE_INFINITY
  /** The far end's RTCP port. */
  port = 0
  /** Of a hundred packets of ours, those that its newest reports miss. */
  lossPercent = 0
  readonly #name: string
  readonly #random: () => number
  /** Streams of ours that no report has taken leave of yet. */
  readonly #retired: StreamMapper[] = []
  /** What the streams before this one have sent and lost. */
  readonly #before = { packets: 0, octets: 0, lost: 0 }
  #sent = 0
  #heard = 0
  #roundTripMs: number | null = null
  #told: Told | null = null
  #packetsAtReport = 0
  #theirReport = 0
  #theirReportAt = 0

  /** `random` gives 32 random bits. The canonical name is made of them, and tells nobody who it is (RFC 7022 §4.2). */
  constructor(random: () => number) {
    this.#random = random
    this.#name = Array.from({ length: 3 }, () => random().toString(36)).join('')
  }

  /** Somebody listens at `port`: reports begin within half an interval (RFC 3550 §6.2), or go on as they are. */
  start(port: number, now: number): void {
    this.port = port
    if (this.due === Number.POSITIVE_INFINITY) this.due = now + this.#uneven(INTERVAL_MS / 2)
  }

  stop(): void {
    this.due = Number.POSITIVE_INFINITY
  }

  /** Another stream takes the place of `out`, by another clock: the next report tells how far it has come, and takes leave of it (RFC 7160 §4.1). */
  retire(out: StreamMapper): void {
    this.#retired.push(out)
    this.#before.packets += out.packets
    this.#before.octets += out.octets
    this.#before.lost = this.#told?.lost ?? 0
    this.#packetsAtReport = 0
  }

  /** Whether a report is due: by its time, or because a new stream has begun. */
  isDue(out: StreamMapper, now: number): boolean {
    return now >= this.due || (this.#retired.length > 0 && out.packets > 0 && this.due !== Number.POSITIVE_INFINITY)
  }

  /** Writes a report at the start of `bytes` and returns its length. `wallMs` and `now` are the same moment. */
  write(bytes: Uint8Array, out: StreamMapper, wallMs: number, now: number, goodbye: boolean): number {
    this.due = now + this.#uneven(INTERVAL_MS)
    this.#sent++
    const sends = out.packets > this.#packetsAtReport
    this.#packetsAtReport = out.packets
    const retired = this.#retired.splice(0, MOST_RETIRED).map((stream) => {
      return { ssrc: stream.ssrc, sender: senderOf(stream, wallMs, now) }
    })
    const seen = this.reception.report()
    const block: ReportBlock | null = seen && {
      ...seen,
      lastReport: this.#theirReport,
      delay: this.#theirReport === 0 ? 0 : Math.round(((now - this.#theirReportAt) * 65_536) / 1000) >>> 0,
    }
    const sender = sends ? senderOf(out, wallMs, now) : null
    return writeControl(bytes, { ssrc: out.ssrc, sender, block, retired, name: this.#name, goodbye })
  }

  /** Keeps what a report of the far end says of our stream. */
  read(report: ControlReport, out: StreamMapper, wallMs: number, now: number): void {
    this.#heard++
    if (report.sentAt !== undefined) {
      this.#theirReport = report.sentAt
      this.#theirReportAt = now
    }
    const block = report.blocks.find((candidate) => candidate.ssrc === out.ssrc)
    if (!block) return
    this.#told = { lost: this.#before.lost + Math.max(0, block.lost), jitterMs: (block.jitter * 1000) / out.clockRate }
    this.#roundTripMs = roundTripMs(block, wallMs) ?? this.#roundTripMs
    // Loss comes in bursts: one report without any is not its end.
    this.lossPercent = Math.max((block.fractionLost * 100) / 256, this.lossPercent / 2)
  }

  /** What is known by now, into the endpoint's figures. */
  sum(stats: MediaStats, out: StreamMapper): MediaStats {
    const { expected, lost } = this.reception.totals
    const told = this.#told
    const packetsSent = this.#before.packets + out.packets
    return {
      ...stats,
      packetsSent,
      octetsSent: this.#before.octets + out.octets,
      reportsSent: this.#sent,
      reportsReceived: this.#heard,
      roundTripMs: this.#roundTripMs === null ? null : tenth(this.#roundTripMs),
      received: expected > 0 ? this.#quality(expected, lost, this.reception.jitterMs) : null,
      sent: told ? this.#quality(Math.max(1, packetsSent), told.lost, told.jitterMs) : null,
    }
  }

  #quality(expected: number, lost: number, jitterMs: number): StreamQuality {
    const lossRatio = Math.min(1, lost / expected)
    // A jitter buffer is about as long as twice the jitter, and the way there takes half of the round trip.
    const delayMs = OWN_DELAY_MS + (this.#roundTripMs ?? 0) / 2 + 2 * jitterMs
    const mos = Math.round(estimateMos(lossRatio, delayMs) * 100) / 100
    return { packetsLost: lost, lossRatio: Math.round(lossRatio * 1e5) / 1e5, jitterMs: tenth(jitterMs), mos }
  }

  #uneven(ms: number): number {
    return ms * (0.5 + (this.#random() >>> 0) / 2 ** 32)
  }
}

function senderOf(out: StreamMapper, wallMs: number, now: number): SenderInfo {
  return { wallMs, timestamp: out.timestampAt(now), packets: out.packets, octets: out.octets }
}

/** The figures of an endpoint that has had no packet. */
export function noStats(): MediaStats {
  return {
    packetsReceived: 0,
    packetsSent: 0,
    octetsReceived: 0,
    octetsSent: 0,
    packetsRefused: 0,
    reportsSent: 0,
    reportsReceived: 0,
    roundTripMs: null,
    received: null,
    sent: null,
  }
}

function tenth(ms: number): number {
  return Math.round(ms * 10) / 10
}
