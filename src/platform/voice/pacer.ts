/** Sources begin at multiples of this, ms: what is due then leaves in one round, and a wake-up costs more than a packet. */
const GRID_MS = 5

/** Packets that may leave at once after the loop was held up. */
const LARGEST_BURST = 3

/**
 * When the packets of a source of our own are due, by the monotonic clock. Deadlines are multiples of the frame from the
 * start, so nothing drifts; after a stall at most three packets follow each other, and the rest of the lost time is
 * skipped, not sent.
 */
export class Pacer {
  readonly frameMs: number
  #due: number
  #burst = 0

  constructor(frameMs: number, now: number) {
    this.frameMs = frameMs
    this.#due = Math.ceil(now / GRID_MS) * GRID_MS
  }

  /** When the next packet is due, ms. */
  get due(): number {
    return this.#due
  }

  /** Ms that were skipped since the packet before: time that the stream's timestamps must tell. */
  skippedMs = 0

  /** Whether a packet is due now; if so, sets the next deadline. */
  take(now: number): boolean {
    this.skippedMs = 0
    if (now < this.#due) {
      this.#burst = 0
      return false
    }
    if (++this.#burst > LARGEST_BURST) {
      // The next one comes half a frame later at least: it would belong to the burst else.
      const behind = Math.floor((now - this.#due) / this.frameMs + 0.5) + 1
      this.#due += behind * this.frameMs
      this.skippedMs = behind * this.frameMs
      this.#burst = 0
      return false
    }
    this.#due += this.frameMs
    return true
  }
}
