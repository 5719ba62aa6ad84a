import { sequenceDelta, timestampDelta } from './sequence.ts'

/** A jump of more packets than this, either way, is a new stream under an old name (RFC 3550 §A.1, MAX_DROPOUT). */
const LARGEST_GAP = 3000

/** Timestamps that part from the clock by more ms than this between two packets are a new stream, too. */
const LARGEST_DRIFT_MS = 2000

/** In place of a sequence number. */
const NONE = -1

/** The header fields of a packet to be sent. */
export interface OutgoingPacket {
  marker: boolean
  sequence: number
  timestamp: number
}

/**
 * What one endpoint sends at one clock rate is one stream: one SSRC, sequence numbers without gaps of our making, and
 * timestamps that follow the clock, whichever source the sound comes from. Another clock rate is another stream (RFC 7160 §4.1). Packets of a relayed source keep their
 * distances, so that loss and order show through; a change of source goes on where the last one was, plus the time that
 * passed, with the marker set (RFC 3550 §5.1; RFC 3551 §4.1).
 */
export class StreamMapper implements OutgoingPacket {
  readonly ssrc: number
  /** Of the timestamps, Hz. */
  readonly clockRate: number
  /** What was sent, for its reports. */
  packets = 0
  octets = 0
  marker = false
  sequence: number
  timestamp: number
  /** The newest of what was sent. */
  #sequence: number
  #timestamp: number
  /** When the newest timestamp was sent, ms. */
  #sentAt = 0
  #started = false
  /**
   * Ms by which changes of source have brought it before the clock: each begins a frame after the packet before it at least, even
   * where that was sent just now. The next pauses make up for it.
   */
  #aheadMs = 0
  /** Of the relayed source. */
  #mapped = false
  #inSsrc = 0
  #inSequence = 0
  #inTimestamp = 0
  #inAt = 0
  #sequenceOffset = 0
  #timestampOffset = 0
  readonly #samplesPerMs: number
  /** The newest packet of it that was left out. Those before it are numbered as if it were there. */
  #leftOut = NONE

  /** `ssrc`, `sequence` and `timestamp` are random numbers of 32, 16 and 32 bits. */
  constructor(ssrc: number, sequence: number, timestamp: number, clockRate = 8000) {
    this.ssrc = ssrc >>> 0
    this.clockRate = clockRate
    this.#samplesPerMs = clockRate / 1000
    this.sequence = this.#sequence = sequence & 0xffff
    this.timestamp = this.#timestamp = timestamp >>> 0
  }

  /** Counts a packet that has left. */
  sent(octets: number): void {
    this.packets++
    this.octets += octets
  }

  /** Sets `marker`, `sequence` and `timestamp` for a packet of a relayed source. `now` in ms. */
  map(ssrc: number, sequence: number, timestamp: number, marker: boolean, now: number): void {
    if (!this.#mapped || !this.#goesOn(ssrc, sequence, timestamp, now)) {
      this.#restart(ssrc, sequence, timestamp, now)
      marker = true
    } else if (timestampDelta(timestamp, this.#inTimestamp) > 0) {
      this.#inTimestamp = timestamp
      this.#inAt = now
    }
    if (sequenceDelta(sequence, this.#inSequence) > 0) this.#inSequence = sequence
    // Half a round of numbers later, all would seem to be before it.
    if (this.#leftOut >= 0 && sequenceDelta(sequence, this.#leftOut) > LARGEST_GAP) this.#leftOut = NONE
    this.marker = marker
    const late = this.#leftOut >= 0 && sequenceDelta(sequence, this.#leftOut) < 0
    this.sequence = (sequence + this.#sequenceOffset + (late ? 1 : 0)) & 0xffff
    this.timestamp = (timestamp + this.#timestampOffset) >>> 0
    this.#remember(now)
  }

  /** A packet of the relayed source is not passed on: what follows is numbered so that nobody takes it for lost. */
  leaveOut(ssrc: number, sequence: number): void {
    if (!this.#mapped || ssrc !== this.#inSsrc || sequenceDelta(sequence, this.#inSequence) !== 1) return
    this.#inSequence = sequence
    this.#sequenceOffset--
    this.#leftOut = sequence
  }

  /** Packets of the relayed source are not sent for a while, as during a hold: what comes after them is as of a new one. */
  interrupt(): void {
    this.#mapped = false
  }

  /**
   * Sets them for the next packet of a source of our own. `samples` is how much later than the packet before it sounds;
   * `fresh` says that the source has just begun or has paused: then the clock decides, and the marker is set.
   */
  next(samples: number, fresh: boolean, now: number): void {
    this.#mapped = false
    this.sequence = (this.#sequence + 1) & 0xffff
    this.timestamp = fresh ? this.startingAt(samples, now) : (this.#timestamp + samples) >>> 0
    this.marker = fresh || !this.#started
    this.#remember(now)
  }

  /** Sets them for a packet that has its timestamp already: telephone-events, which keep that of their beginning. */
  at(timestamp: number, marker: boolean, now: number): void {
    this.#mapped = false
    this.sequence = (this.#sequence + 1) & 0xffff
    this.timestamp = timestamp
    this.marker = marker
    this.#remember(now)
  }

  /** The timestamp of something that begins now, `samples` after the packet before it at least. It must be what is sent next. */
  startingAt(samples: number, now: number): number {
    const timestamp = this.#byClock(samples, now)
    if (this.#started) this.#aheadMs = Math.max(0, this.#aheadMs + samples / this.#samplesPerMs - (now - this.#sentAt))
    return timestamp
  }

  /** The timestamp that belongs to `now`, for a sender report. */
  timestampAt(now: number): number {
    return this.#byClock(0, now)
  }

  /** Reads what the next packet will need, so that it is near by then. What it returns means nothing. */
  touch(): number {
    return this.#sentAt + this.#inAt + this.#inTimestamp + this.#timestamp + this.timestamp + this.packets
  }

  #byClock(atLeast: number, now: number): number {
    if (!this.#started) return this.#timestamp
    const elapsed = Math.round((now - this.#sentAt - this.#aheadMs) * this.#samplesPerMs)
    return (this.#timestamp + Math.max(atLeast, elapsed)) >>> 0
  }

  #goesOn(ssrc: number, sequence: number, timestamp: number, now: number): boolean {
    if (ssrc !== this.#inSsrc) return false
    const gap = sequenceDelta(sequence, this.#inSequence)
    if (gap > LARGEST_GAP || gap < -LARGEST_GAP) return false
    const drift = timestampDelta(timestamp, this.#inTimestamp) - (now - this.#inAt) * this.#samplesPerMs
    const largest = LARGEST_DRIFT_MS * this.#samplesPerMs
    return drift < largest && drift > -largest
  }

  #restart(ssrc: number, sequence: number, timestamp: number, now: number): void {
    this.#mapped = true
    this.#leftOut = NONE
    this.#inSsrc = ssrc
    this.#inSequence = sequence
    this.#inTimestamp = timestamp
    this.#inAt = now
    this.#sequenceOffset = this.#sequence + 1 - sequence
    this.#timestampOffset = this.startingAt(this.#samplesPerMs * 20, now) - timestamp
  }

  #remember(now: number): void {
    const later = this.#started ? timestampDelta(this.timestamp, this.#timestamp) : 1
    if (later > 0) {
      this.#timestamp = this.timestamp
      this.#sentAt = now
    }
    if (!this.#started || sequenceDelta(this.sequence, this.#sequence) > 0) this.#sequence = this.sequence
    this.#started = true
  }
}
