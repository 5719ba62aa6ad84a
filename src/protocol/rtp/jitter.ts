import { sequenceDelta, timestampDelta } from './sequence.ts'

/** Packets that are held at most, a power of two; and the longest payload, in bytes, that is. */
const SLOTS = 32
const LONGEST = 2036

/** What a packet waits before it is played: at first and at least, and at most, ms. */
const LEAST_MS = 40
const MOST_MS = 200

/** What a packet that came too late adds to the wait, and how much of that goes again for each one in time, ms. */
const TOO_LATE_MS = 20
const IN_TIME_MS = 0.02

/** The time in which the longest wait is looked for, and what it may be above what is wanted, ms. */
const WINDOW_MS = 2000
const SPARE_MS = 25

/** Takes in a row that found nothing, after which the stream has paused and is waited for anew. */
const PAUSED = 3

/** How far back the very first packet may turn out not to have been the first. */
const FIRST_REORDER = 8

/**
 * Holds packets until they are due, in order: late ones can still take their place, duplicates are dropped, and what is missing
 * when it is due is `lost`. The wait follows the jitter; a sender whose clock is faster than ours shows as waits that grow (then
 * `surplus` is set, and one packet too many may be taken), a slower one as takes that find nothing. Pure; the clock comes in.
 */
export class JitterBuffer {
  readonly #bytes = new Uint8Array(SLOTS * LONGEST)
  readonly #sequences = new Int32Array(SLOTS).fill(-1)
  readonly #timestamps = new Uint32Array(SLOTS)
  readonly #lengths = new Int32Array(SLOTS)
  readonly #types = new Uint8Array(SLOTS)
  readonly #arrivals = new Float64Array(SLOTS)
  #count = 0
  #ssrc = -1
  #next = 0
  /** The sequence number that would prove that the sender has begun anew. */
  #restart = -1
  #newest = 0
  /** Nothing is played until the first packet has waited; and nothing was since the stream began. */
  #filling = true
  #unplayed = true
  #empties = 0
  #samplesPerMs = 8
  #jitterMs = 0
  #lateMs = 0
  #transit = Number.NaN
  #longestWait = 0
  #windowEnd = 0
  /** One take gives nothing, so that all that follow wait longer. */
  #owed = false
  /** Packets wait longer than they need to. */
  surplus = false
  /** Of the packet that was taken, valid until the next is put or taken. */
  readonly bytes = this.#bytes
  start = 0
  length = 0
  timestamp = 0
  payloadType = 0
  arrivedAt = 0
  /** Packets that came too late, or that were missing when they were due. */
  late = 0
  lost = 0

  /** Of the packets that are put from now on, Hz. Between two rates there is no time to be told. */
  set clockRate(hz: number) {
    if (this.#samplesPerMs === hz / 1000) return
    this.#samplesPerMs = hz / 1000
    this.#transit = Number.NaN
  }

  get ssrc(): number {
    return this.#ssrc
  }

  /** Packets that are held. */
  get held(): number {
    return this.#count
  }

  /** What a packet waits before it is played, ms. */
  get waitMs(): number {
    return Math.min(MOST_MS, Math.max(LEAST_MS, 3 * this.#jitterMs + 10) + this.#lateMs)
  }

  /** Takes a packet that has come. `now` in ms. */
  put(
    packet: {
      ssrc: number
      sequence: number
      timestamp: number
      payloadType: number
      payloadStart: number
      payloadLength: number
    },
    bytes: Uint8Array,
    now: number,
  ): void {
    const { ssrc, sequence, timestamp, payloadStart, payloadLength } = packet
    if (payloadLength === 0 || payloadLength > LONGEST) return
    if (ssrc !== this.#ssrc) this.#begin(ssrc, sequence)
    else if (!this.#belongs(sequence, timestamp)) return
    const slot = sequence & (SLOTS - 1)
    if (this.#sequences[slot] === sequence) return
    if (this.#sequences[slot]! < 0) this.#count++
    this.#sequences[slot] = sequence
    this.#timestamps[slot] = timestamp
    this.#lengths[slot] = payloadLength
    this.#types[slot] = packet.payloadType
    this.#arrivals[slot] = now
    const at = slot * LONGEST
    for (let i = 0; i < payloadLength; i++) this.#bytes[at + i] = bytes[payloadStart + i]!
    if (this.#unplayed || timestampDelta(timestamp, this.#newest) > 0) this.#newest = timestamp
    this.#time(timestamp, now)
  }

  /** What is to be played now: the next `packet`, something for one that is `lost`, or `nothing` has come. */
  take(now: number): 'packet' | 'lost' | 'nothing' {
    if (this.#count === 0) {
      if (++this.#empties === PAUSED) this.#filling = true
      return 'nothing'
    }
    if (this.#filling) {
      while (this.#sequences[this.#next & (SLOTS - 1)] !== this.#next) this.#next = (this.#next + 1) & 0xffff
      if (now - this.#arrivals[this.#next & (SLOTS - 1)]! < this.waitMs) return 'nothing'
      this.#filling = false
      this.#windowEnd = now + WINDOW_MS
      this.#longestWait = 0
      this.surplus = false
      this.#owed = false
    }
    if (this.#owed) {
      this.#owed = false
      return 'nothing'
    }
    this.#empties = 0
    this.#unplayed = false
    const slot = this.#next & (SLOTS - 1)
    const there = this.#sequences[slot] === this.#next
    this.#next = (this.#next + 1) & 0xffff
    if (!there) {
      this.lost++
      return 'lost'
    }
    this.#give(slot, now)
    return 'packet'
  }

  /** The payload behind what is lost, where it is there: some codecs repeat in it what came before. */
  peek(): boolean {
    const slot = this.#next & (SLOTS - 1)
    if (this.#sequences[slot] !== this.#next) return false
    this.start = slot * LONGEST
    this.length = this.#lengths[slot]!
    return true
  }

  #give(slot: number, now: number): void {
    this.#sequences[slot] = -1
    this.#count--
    this.start = slot * LONGEST
    this.length = this.#lengths[slot]!
    this.timestamp = this.#timestamps[slot]!
    this.payloadType = this.#types[slot]!
    this.arrivedAt = this.#arrivals[slot]!
    this.#lateMs = Math.max(0, this.#lateMs - IN_TIME_MS)
    this.#longestWait = Math.max(this.#longestWait, now - this.arrivedAt)
    this.surplus = false
    if (now < this.#windowEnd) return
    // The packet with the shortest way has waited longest: what it waits is what can be chosen.
    this.surplus = this.#longestWait > this.waitMs + SPARE_MS
    this.#owed = this.#longestWait < this.waitMs - SPARE_MS / 2
    this.#longestWait = 0
    this.#windowEnd = now + WINDOW_MS
  }

  /** Whether a packet of the same source is still to be played; two in a row that can't be are a new stream (RFC 3550 §A.1, PITFALLS M05). */
  #belongs(sequence: number, timestamp: number): boolean {
    const ahead = sequenceDelta(sequence, this.#next)
    if (ahead >= 0 && ahead < SLOTS) {
      this.#restart = -1
      return true
    }
    if (ahead < 0 && ahead >= -FIRST_REORDER && this.#unplayed) {
      this.#next = sequence
      return true
    }
    if (ahead < 0 && ahead > -SLOTS && timestampDelta(timestamp, this.#newest) <= 0) {
      this.late++
      this.#lateMs = Math.min(MOST_MS - LEAST_MS, this.#lateMs + TOO_LATE_MS)
      this.#owed = true
      return false
    }
    if (sequence !== this.#restart) {
      this.#restart = (sequence + 1) & 0xffff
      return false
    }
    this.#begin(this.#ssrc, sequence)
    return true
  }

  #begin(ssrc: number, sequence: number): void {
    this.#sequences.fill(-1)
    this.#count = 0
    this.#ssrc = ssrc
    this.#next = sequence
    this.#restart = -1
    this.#filling = true
    this.#unplayed = true
    this.#empties = 0
    this.#transit = Number.NaN
  }

  /** RFC 3550 §6.4.1. A pause changes the way of the packets, not their jitter. */
  #time(timestamp: number, now: number): void {
    const transit = now - timestamp / this.#samplesPerMs
    const change = Math.abs(transit - this.#transit)
    if (change < MOST_MS) this.#jitterMs += (change - this.#jitterMs) / 16
    this.#transit = transit
  }
}
