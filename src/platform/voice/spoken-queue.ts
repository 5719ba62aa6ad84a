import { Concealer } from '#protocol/audio/index.ts'

/** Samples that are queued at most: two seconds. More is never asked for, so who brings it has lost it. */
export const STREAM_QUEUE = 16_000

/** Samples over which a cut is blended: 5 ms. */
const BLEND = 40

/** Samples of the usual frame of a program: 20 ms. */
const FRAME = 160

/** Frames after which is looked at what was never needed: half a second of the usual 20 ms. */
const WINDOW = 25

/** The same after frames that were late, whose sound was stood in for: as soon as a program that says 100 ms at once can be told from them. */
const SHORT_WINDOW = 10

/** Samples that a live queue keeps against a program that is late: at least, and at most: 10 and 60 ms. */
const LEAST_KEPT = 80
const MOST_KEPT = 480

/** What a live queue lets go of each half second in which its program was never late, in samples: 1 ms. */
const RELAXED = 8

/** Samples in a live queue, beyond which it is cut at once: 200 ms. */
const MOST_LIVE = 1600

/** Ms within which sound that comes after the queue ran dry was late, and not the next thing that is said. */
const LATE_MS = 100

/** Samples that are made up where nothing has come: 60 ms, in which they fade. */
const CONCEALED = 480

/** Where nothing is late, what is said begins so many ms after its first sample has come. */
const LEAD_MS = 20

/**
 * What a program has said and was not sent yet, at 8 kHz. All of it is heard, late if need be; but where the program talks
 * live, sound that is late is stood in for, as lost packets are, and what has come of it then is cut out once it is seen that
 * it stays: because else every word after it would be late by as much.
 */
export class SpokenQueue {
  readonly live: boolean
  /** Samples since the beginning that have left the queue, and how many of them were cut out. */
  gone = 0
  skipped = 0
  readonly #ring = new Int16Array(STREAM_QUEUE)
  #written = 0
  #kept = LEAST_KEPT
  /** The least that was left behind a frame in this window, and the frames of it. */
  #least = Number.POSITIVE_INFINITY
  #frames = 0
  #dryAt = Number.NEGATIVE_INFINITY
  /** Null where all is heard. */
  #concealer: Concealer | null
  /** Samples that were made up since it ran dry. */
  #madeUp = 0
  #window = WINDOW

  constructor(live: boolean) {
    this.live = live
    this.#concealer = live ? new Concealer(8000) : null
  }

  get queued(): number {
    return this.#written - this.gone
  }

  /** Ms from now, when there is something to be said after silence, to its being sent: what is to follow may be late by as much. */
  get leadMs(): number {
    return this.live ? Math.max(0, this.#kept - Math.max(0, this.queued - FRAME)) / 8 : LEAD_MS
  }

  /** `now` in ms by a monotonic clock. */
  push(pcm: Int16Array, now: number): void {
    if (now - this.#dryAt < LATE_MS) this.#kept = Math.min(2 * this.#kept, MOST_KEPT)
    else if (this.#dryAt > Number.NEGATIVE_INFINITY) this.#window = WINDOW
    this.#dryAt = Number.NEGATIVE_INFINITY
    const count = Math.min(pcm.length, STREAM_QUEUE - this.queued)
    for (let i = 0; i < count; i++) this.#ring[(this.#written + i) % STREAM_QUEUE] = pcm[i]!
    this.#written += count
  }

  /** Takes the next samples; how many there were, or were made up for. The rest is silence. */
  pull(into: Int16Array, samples: number, now: number): number {
    const count = Math.min(samples, this.queued)
    for (let i = 0; i < count; i++) into[i] = this.#ring[(this.gone + i) % STREAM_QUEUE]!
    into.fill(0, count, samples)
    this.gone += count
    if (!this.#concealer) return count
    if (count === samples) this.#catchUp(into, samples)
    if (count > 0) this.#madeUp = 0
    this.#concealer.heard(into, count)
    return count < samples ? this.#standIn(this.#concealer, into, count, samples, now) : count
  }

  /** Empties it; how many samples that were. */
  clear(): number {
    const count = this.queued
    this.gone = this.#written
    this.#startWindow(WINDOW)
    this.#dryAt = Number.NEGATIVE_INFINITY
    this.#madeUp = 0
    if (this.live) this.#concealer = new Concealer(8000)
    return count
  }

  /** It has run dry: goes on for a while as if something were there. */
  #standIn(concealer: Concealer, into: Int16Array, count: number, samples: number, now: number): number {
    if (this.#dryAt === Number.NEGATIVE_INFINITY) this.#dryAt = now
    this.#startWindow(SHORT_WINDOW)
    const missing = Math.min(samples - count, CONCEALED - this.#madeUp)
    if (missing === 0) return count
    concealer.conceal(into.subarray(count), missing)
    this.#madeUp += missing
    return count + missing
  }

  #catchUp(into: Int16Array, samples: number): void {
    const left = this.queued
    this.#least = Math.min(this.#least, left)
    if (++this.#frames < this.#window && left <= MOST_LIVE) return
    const surplus = (left > MOST_LIVE ? left : this.#least) - this.#kept
    if (surplus >= BLEND) this.#cut(into, samples, surplus)
    else if (this.#least > 0) this.#kept = Math.max(LEAST_KEPT, this.#kept - RELAXED)
    this.#startWindow(WINDOW)
  }

  /** The end of the frame goes over, without a click, to what would have been heard `surplus` samples later. */
  #cut(into: Int16Array, samples: number, surplus: number): void {
    const blend = Math.min(BLEND, samples)
    const from = this.gone + surplus - blend
    for (let i = 0; i < blend; i++) {
      const at = samples - blend + i
      const share = (i + 1) / (blend + 1)
      into[at] = Math.round(into[at]! * (1 - share) + this.#ring[(from + i) % STREAM_QUEUE]! * share)
    }
    this.gone += surplus
    this.skipped += surplus
  }

  #startWindow(frames: number): void {
    this.#window = frames
    this.#least = Number.POSITIVE_INFINITY
    this.#frames = 0
  }
}
