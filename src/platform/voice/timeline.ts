import { DECODE, type Law } from '#protocol/audio/index.ts'
import { timestampDelta } from '#protocol/rtp/index.ts'

/** Samples that a recording keeps open for late packets, and for those that wait to be decoded: 320 ms. */
const OPEN = 2560

/** A packet that would lie further ahead of the clock than this, in samples, has lost its own: it is put where the clock is. */
const LARGEST_LEAD = 4000

/** How long the fastest packet is looked for, ms: its way is the shortest, so it shows how far the far end's clock has gone. */
const WINDOW_MS = 5000

/** From this many samples on (20 ms) the far end's clock is followed. */
const LARGEST_DRIFT = 160

/**
 * A far end's first packet may have been late, which would make every later one wait as long. Who listens live finds that out
 * within so many ms, and to a millisecond; a recording is not in a hurry, and a tone in it stays whole.
 */
const LIVE_WINDOW_MS = 400
const LIVE_DRIFT = 8

const RING = 8192

/** A source whose packets are timed by this clock: timestamps of one SSRC at two rates are not comparable (RFC 7160 §3). */
export function timedBy(ssrc: number, clockRate: number): number {
  return ssrc + clockRate * 2 ** 32
}

/**
 * Lays received packets out along the clock, as a recording needs them: each at the place that its timestamp says, silence
 * where nothing came, and no shift by a stall, a new SSRC or a jump of timestamps.
 */
export class Timeline {
  readonly #ring = new Int16Array(RING)
  readonly #startedAt: number
  readonly #open: number
  /** Samples that were handed out. */
  #emitted = 0
  /** Where recording stops and goes on that is not handed out yet, in order. */
  readonly #turns: { place: number; paused: boolean }[] = []
  #paused = false
  #mapped = false
  #source = 0
  #timestamp = 0
  /** Place of `#timestamp`, in samples from the start. */
  #place = 0
  /** The largest lead on the clock in this window, in samples. */
  #lead = 0
  #windowEnd = 0
  #drift = LARGEST_DRIFT
  readonly #live: boolean

  /** `now` in ms by the same clock as later calls; `open` samples are waited for late packets. `live`: early is better than whole. */
  constructor(now: number, { open = OPEN, live = false } = {}) {
    this.#startedAt = now
    this.#open = open
    this.#live = live
  }

  push(source: number, timestamp: number, law: Law, bytes: Uint8Array, start: number, length: number, now: number): void {
    const place = this.#placeOf(source, timestamp, now)
    const decode = DECODE[law]
    for (let i = Math.max(0, this.#emitted - place); i < length; i++) {
      if (place + i >= this.#emitted + RING) break
      this.#ring[(place + i) & (RING - 1)] = decode[bytes[start + i]!]!
    }
  }

  /** Takes sound at 8 kHz that was decoded before; `now` is when its packet came, and `timestamp` is in samples of 8 kHz. */
  put(source: number, timestamp: number, pcm: Int16Array, samples: number, now: number): void {
    const place = this.#placeOf(source, timestamp, now)
    for (let i = Math.max(0, this.#emitted - place); i < samples; i++) {
      if (place + i >= this.#emitted + RING) break
      this.#ring[(place + i) & (RING - 1)] = pcm[i]!
    }
  }

  #placeOf(source: number, timestamp: number, now: number): number {
    const clock = Math.round((now - this.#startedAt) * 8)
    let place = this.#place + timestampDelta(timestamp, this.#timestamp)
    const lead = place - clock
    if (!this.#mapped || source !== this.#source || lead < -this.#open || lead > LARGEST_LEAD) {
      place = clock
      this.#lead = 0
      this.#windowEnd = now + (this.#live ? LIVE_WINDOW_MS : WINDOW_MS)
      this.#drift = this.#live ? LIVE_DRIFT : LARGEST_DRIFT
    } else if (lead > this.#lead) this.#lead = lead
    if (now >= this.#windowEnd) {
      if (Math.abs(this.#lead) > this.#drift) place -= this.#lead
      this.#lead = -this.#open
      this.#windowEnd = now + WINDOW_MS
      this.#drift = LARGEST_DRIFT
    }
    this.#mapped = true
    this.#source = source
    this.#timestamp = timestamp
    this.#place = place
    return place
  }

  /** What is heard from `now` on is left out, or taken in again: what was heard before and is still held is not touched. */
  pause(now: number, paused: boolean): void {
    this.#turns.push({ place: Math.round((now - this.#startedAt) * 8), paused })
  }

  /** Hands out what is complete and was not paused; with `all`, everything up to `now`. */
  pull(now: number, all: boolean): Int16Array {
    const upTo = Math.floor((now - this.#startedAt) * 8) - (all ? 0 : this.#open)
    const count = Math.max(0, upTo - this.#emitted)
    const out = new Int16Array(count)
    let kept = 0
    for (let i = 0; i < count; i++) {
      const place = this.#emitted + i
      while (this.#turns[0] && this.#turns[0].place <= place) this.#paused = this.#turns.shift()!.paused
      const at = place & (RING - 1)
      // Beyond one ring nothing can have been written: a long stall of the loop is silence.
      const sample = i < RING ? this.#ring[at]! : 0
      if (i < RING) this.#ring[at] = 0
      if (!this.#paused) out[kept++] = sample
    }
    this.#emitted += count
    return kept === count ? out : out.slice(0, kept)
  }
}
