import { timestampDelta } from './sequence.ts'

/** The keys of events 0–15 (RFC 4733 §3.2). */
export const EVENT_KEYS = '0123456789*#ABCD'

/** An event of which nothing is heard for this long, in ms, is over: all its end packets were lost. */
export const EVENT_SILENCE_MS = 250

/** Ms within which a packet that carries on an event may move its timestamp, as some senders wrongly do. */
const DRIFTING_MS = 40

/** Late packets of an event that is over are recognised this far back, ms. */
const LATE_MS = 10_000

export interface EventSink {
  /** A key is down. */
  started(key: string): void
  /** It is up again, after `durationMs`. Once for each press. */
  ended(key: string, durationMs: number): void
}

/**
 * Turns the telephone-event packets of one stream into key presses, each counted once (RFC 4733 §2.5.2). An event is known
 * by its timestamp, never by marker, sequence number or end bit, since any of them is lost, repeated or wrong in the field.
 */
export class EventReceiver {
  readonly #sink: EventSink
  #active = false
  #event = 0
  #timestamp = 0
  /** Samples of earlier segments of an event longer than 65,535 samples (§2.5.1.3). */
  #earlier = 0
  #duration = 0
  #heardAt = 0
  #samplesPerMs = 8
  #hasDone = false
  #doneTimestamp = 0
  #doneEvent = 0

  constructor(sink: EventSink) {
    this.#sink = sink
  }

  /** Of the timestamps and durations, Hz (RFC 4733 §2.1). */
  set clockRate(hz: number) {
    this.#samplesPerMs = hz / 1000
  }

  get active(): boolean {
    return this.#active
  }

  /** Of the beginning of the newest event. */
  get timestamp(): number {
    return this.#timestamp
  }

  /** Takes the payload of a packet of the event payload type: at least four bytes at `start`. `now` in ms. */
  receive(bytes: Uint8Array, start: number, length: number, timestamp: number, now: number): void {
    if (length < 4) return
    const event = bytes[start]!
    if (event > 15) return
    const end = (bytes[start + 1]! & 0x80) !== 0
    const duration = (bytes[start + 2]! << 8) | bytes[start + 3]!
    if (this.#active) this.#carryOn(event, end, duration, timestamp, now)
    else if (!this.#isLate(event, end, timestamp)) this.#start(event, end, duration, timestamp, now)
  }

  /** Ends an event that has fallen silent. */
  tick(now: number): void {
    if (this.#active && now - this.#heardAt > EVENT_SILENCE_MS) this.#finish()
  }

  /** The stream has another source now: timestamps begin anew. */
  reset(): void {
    if (this.#active) this.#finish()
    this.#hasDone = false
  }

  #carryOn(event: number, end: boolean, duration: number, timestamp: number, now: number): void {
    const delta = timestampDelta(timestamp, this.#timestamp)
    if (delta < 0) return // late, of an event before
    if (delta > 0) {
      const nextSegment = event === this.#event && this.#duration >= 0xff00 && delta >= 0xff00 && delta <= 0x10000
      const drifting = event === this.#event && delta <= DRIFTING_MS * this.#samplesPerMs && duration >= this.#duration
      if (!nextSegment && !drifting) {
        this.#finish()
        this.#start(event, end, duration, timestamp, now)
        return
      }
      if (nextSegment) {
        this.#earlier += this.#duration
        this.#duration = 0
      }
      this.#timestamp = timestamp
    } else if (event !== this.#event) return
    this.#heardAt = now
    if (duration > this.#duration) this.#duration = duration
    if (end) this.#finish()
  }

  #isLate(event: number, end: boolean, timestamp: number): boolean {
    if (!this.#hasDone) return false
    const delta = timestampDelta(timestamp, this.#doneTimestamp)
    if (delta <= 0) return delta > -LATE_MS * this.#samplesPerMs
    return end && event === this.#doneEvent && delta <= DRIFTING_MS * this.#samplesPerMs
  }

  #start(event: number, end: boolean, duration: number, timestamp: number, now: number): void {
    this.#active = true
    this.#event = event
    this.#timestamp = timestamp
    this.#earlier = 0
    this.#duration = duration
    this.#heardAt = now
    this.#sink.started(EVENT_KEYS[event]!)
    if (end) this.#finish()
  }

  #finish(): void {
    this.#active = false
    this.#hasDone = true
    this.#doneTimestamp = this.#timestamp
    this.#doneEvent = this.#event
    this.#sink.ended(EVENT_KEYS[this.#event]!, (this.#earlier + this.#duration) / this.#samplesPerMs)
  }
}
