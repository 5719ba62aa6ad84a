import { sequenceDelta, timestampDelta } from './sequence.ts'

/** A jump forward of so many packets is another stream under the same SSRC (RFC 3550 §A.1, MAX_DROPOUT). */
const LARGEST_DROPOUT = 3000

/** So far behind the newest, a packet is late, not of another stream (RFC 3550 §A.1, MAX_MISORDER). */
const LARGEST_DISORDER = 100

/** A transit time that changes by more than this between two packets is a new clock, not jitter, ms. */
const NEW_CLOCK_MS = 1000

/**
 * What a receiver knows of the stream that comes in: how much was lost and how unevenly it comes (RFC 3550 §A.1, §A.3, §A.8).
 * Allocates nothing per packet. A new SSRC, or a new sequence under the old one, begins anew; the totals go on.
 */
export class Reception {
  /** SSRC of the stream; −1 before the first packet. */
  ssrc = -1
  /** Highest sequence number, extended by its cycles (32 bits go into a report). */
  #highest = 0
  #base = 0
  #received = 0
  /** The sequence number that would prove that the sender has begun anew. */
  #restart = -1
  #expectedBefore = 0
  #receivedBefore = 0
  /** Of streams before this one. */
  #earlierExpected = 0
  #earlierReceived = 0
  #samplesPerMs = 8
  #hasTransit = false
  /** Arrival of the newest sound and its timestamp: only differences count. */
  #arrivedAt = 0
  #timestamp = 0
  /** In ms. */
  #jitter = 0

  /** Counts a packet of any payload type. */
  take(ssrc: number, sequence: number): void {
    if (ssrc !== this.ssrc) {
      this.#begin(ssrc, sequence)
      return
    }
    const delta = sequenceDelta(sequence, this.#highest & 0xffff)
    if (delta < LARGEST_DROPOUT && delta > -LARGEST_DISORDER) {
      if (delta > 0) this.#highest += delta
      this.#received++
      this.#restart = -1
    } else if (sequence === this.#restart) this.#begin(ssrc, sequence)
    else this.#restart = (sequence + 1) & 0xffff
  }

  /**
   * Times a packet of sound. Events keep the timestamp of their beginning, so they can't be timed. `now` in ms, `hz` the clock rate
   * of its payload type: between two of different rates there is no time to be told (RFC 7160 §4.2).
   */
  time(timestamp: number, hz: number, now: number): void {
    if (this.#samplesPerMs !== hz / 1000) {
      this.#samplesPerMs = hz / 1000
      this.#hasTransit = false
    }
    if (this.#hasTransit) {
      const change = Math.abs(now - this.#arrivedAt - timestampDelta(timestamp, this.#timestamp) / this.#samplesPerMs)
      if (change < NEW_CLOCK_MS) this.#jitter += (change - this.#jitter) / 16
    }
    this.#hasTransit = true
    this.#arrivedAt = now
    this.#timestamp = timestamp
  }

  /** Reads what the next packet will need, so that it is near by then. What it returns means nothing. */
  touch(): number {
    return this.#arrivedAt + this.#jitter + this.#timestamp + this.#highest + this.#restart
  }

  get jitterMs(): number {
    return this.#jitter
  }

  /** Packets of all streams that should have come, and of them those that did not; never fewer than none (duplicates). */
  get totals(): { expected: number; lost: number } {
    const expected = this.#earlierExpected + this.#expected
    return { expected, lost: Math.max(0, expected - this.#earlierReceived - this.#received) }
  }

  /** The block of a report about this stream; the next one's loss begins here. Null before the first packet. */
  report(): { ssrc: number; fractionLost: number; lost: number; highest: number; jitter: number } | null {
    if (this.ssrc < 0) return null
    const expected = this.#expected - this.#expectedBefore
    const lost = expected - (this.#received - this.#receivedBefore)
    this.#expectedBefore = this.#expected
    this.#receivedBefore = this.#received
    return {
      ssrc: this.ssrc,
      fractionLost: expected > 0 && lost > 0 ? Math.min(255, Math.floor((lost * 256) / expected)) : 0,
      lost: Math.max(-0x80_0000, Math.min(0x7f_ffff, this.#expected - this.#received)),
      highest: this.#highest >>> 0,
      jitter: Math.round(this.#jitter * this.#samplesPerMs),
    }
  }

  get #expected(): number {
    return this.ssrc < 0 ? 0 : this.#highest - this.#base + 1
  }

  #begin(ssrc: number, sequence: number): void {
    this.#earlierExpected += this.#expected
    this.#earlierReceived += Math.min(this.#received, this.#expected)
    this.ssrc = ssrc
    this.#base = sequence
    this.#highest = sequence
    this.#received = 1
    this.#expectedBefore = 0
    this.#receivedBefore = 0
    this.#restart = -1
    this.#hasTransit = false
  }
}
